#!/bin/bash -eu
# Builds each harness, with its dictionary and seeds. OSS-Fuzz gives SRC and OUT.

cd "$SRC/sse-stream"
pip3 install .
for harness in cuts limit twins command; do
    compile_python_fuzzer "fuzz/$harness.py" --paths "$PWD/fuzz" --paths "$PWD/tests"
    cp fuzz/sse.dict "$OUT/$harness.dict"
    zip --quiet --junk-paths "$OUT/${harness}_seed_corpus.zip" fuzz/corpus/*
done
