#!/bin/bash -eu
# Builds each harness with its dictionary and seeds. OSS-Fuzz sets SRC and OUT.

cd "$SRC/sse-stream"
pip3 install .
for harness in chunk_boundaries limit pure_against_compiled command_line encoder; do
    compile_python_fuzzer "fuzz/$harness.py" --paths "$PWD/fuzz" --paths "$PWD/tests"
    cp fuzz/sse.dict "$OUT/$harness.dict"
    zip --quiet --junk-paths "$OUT/${harness}_seed_corpus.zip" fuzz/corpus/*
done
