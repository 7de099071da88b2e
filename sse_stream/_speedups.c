/* The Parser of parser.py once more, compiled.
 *
 * parser.py is the reference: names, rules, errors and docstrings here follow it, and the
 * tests hold the two together. What differs is how the bytes move:
 *
 * - A line that lies whole in the chunk is not copied: its value is decoded from the chunk.
 *   The first data value of a block is only remembered (Feed.value), and copied when the
 *   block goes on with another data field or into the next chunk.
 * - What must outlive the call is in one buffer: the data of the block, each value with its
 *   newline, then the line in progress. Once that line is known to be a data field its name
 *   is taken out, so that the end of the line costs nothing more.
 * - Items are the classes of items.py, made without a call to __init__: their slots are
 *   written at the offsets that the classes' own descriptors tell.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <string.h>
#include <structmember.h>

#if PY_VERSION_HEX < 0x030D0000
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

/* A buffer above this size is given back when its event is out. */
#define KEPT_ROOM 65536
/* Types repeat from event to event; one of at most this size is not decoded twice in a row. */
#define KEPT_TYPE 64
/* Longer text goes to Python's own decoder at once. */
#define SHORT_TEXT 1024

static const char BOM[] = "\xef\xbb\xbf";

typedef struct {
    const char *at;
    Py_ssize_t size;
} Span;

typedef struct {
    PyObject *event_type, *comment_type, *done, *too_large_error, *closed_error, *message;
    /* Where the slots lie in an Event and in a Comment. */
    Py_ssize_t event_at, data_at, id_at, retry_at, text_at;
} State;

/* All strings held are of the exact type str: no cycle can go through a parser or an item. */
typedef struct {
    PyObject_HEAD
    State *state;         /* the module's, which lives as long as this type does */
    char *held;           /* data of the block, then the line in progress */
    Py_ssize_t room;      /* bytes allocated there */
    Py_ssize_t data_size; /* bytes of data, each value with its newline */
    Py_ssize_t line_size; /* bytes of the line in progress, without what was taken out */
    Py_ssize_t line_skip; /* bytes taken out of it: "data:" or "data: ", or 0 */
    Py_ssize_t limit;
    PyObject *last_event_id;
    PyObject *done;        /* NULL: off */
    PyObject *retry;       /* NULL: never set */
    PyObject *event;       /* NULL: this block has no event field */
    PyObject *id;          /* NULL: this block has no id field */
    PyObject *block_retry; /* NULL: this block has no retry field */
    PyObject *known_type;  /* the last short event field, or NULL */
    int mark;              /* bytes held that may begin a byte order mark; -1 once decided */
    bool after_cr, closed, broken, incomplete, busy;
} Parser;

/* One call to feed() or close(). */
typedef struct {
    Parser *self;
    PyObject *items;
    Span value; /* the block's only data value, still in the chunk; at NULL: none */
} Feed;

/* --- what is held ------------------------------------------------------------------ */

static int
reserve(Parser *self, Py_ssize_t more)
{
    Py_ssize_t used = self->data_size + self->line_size;
    if (more <= self->room - used) return 0;
    char *held = NULL;
    Py_ssize_t room = 0;
    if (more < PY_SSIZE_T_MAX / 2 - used) {
        /* Geometric: linear in the bytes for every cut. The surplus is given back before a
           large text is made (see end_block), so that it never adds to the peak. */
        room = used + more < 256 ? 256 : (used + more) / 2 * 3 + 2;
        /* What is held never exceeds the limit. */
        if (room > self->limit) room = used + more > self->limit ? used + more : self->limit;
        held = PyMem_Realloc(self->held, (size_t)room);
    }
    if (held == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->held = held;
    self->room = room;
    return 0;
}

static void
free_held(Parser *self)
{
    PyMem_Free(self->held);
    self->held = NULL;
    self->room = self->data_size = self->line_size = self->line_skip = 0;
}

static void
drop_buffers(Parser *self)
{
    free_held(self);
    self->mark = -1;
    Py_CLEAR(self->event);
    Py_CLEAR(self->id);
    Py_CLEAR(self->block_retry);
    Py_CLEAR(self->known_type);
}

static inline bool
has_line(const Parser *self)
{
    return self->line_size + self->line_skip > 0;
}

/* How many bytes stand before the value if the line is a data field, else 0. */
static inline Py_ssize_t
data_prefix(Span line)
{
    if (line.size < 4 || memcmp(line.at, "data", 4) != 0) return 0;
    if (line.size == 4) return 4;
    if (line.at[4] != ':') return 0;
    return line.size > 5 && line.at[5] == ' ' ? 6 : 5;
}

/* Add one value, with its newline, to the data of the block. No line is in progress. */
static int
hold_value(Parser *self, Span value)
{
    if (reserve(self, value.size + 1) < 0) return -1;
    memcpy(self->held + self->data_size, value.at, (size_t)value.size);
    self->data_size += value.size;
    self->held[self->data_size++] = '\n';
    return 0;
}

/* Take the remembered value out of the chunk, which ends or has more data for the block. */
static int
hold_remembered(Feed *feed)
{
    if (feed->value.at == NULL) return 0;
    int result = hold_value(feed->self, feed->value);
    feed->value.at = NULL;
    return result;
}

/* Add a piece to the line in progress. */
static int
hold_line(Parser *self, Span piece)
{
    if (reserve(self, piece.size) < 0) return -1;
    Py_ssize_t before = self->line_size;
    char *line = self->held + self->data_size;
    memcpy(line + before, piece.at, (size_t)piece.size);
    self->line_size += piece.size;
    /* Six bytes decide whether it is a data field, the space after the colon included. */
    if (self->line_skip == 0 && before < 6 && self->line_size >= 6) {
        self->line_skip = data_prefix((Span){line, self->line_size});
        self->line_size -= self->line_skip;
        memmove(line, line + self->line_skip, (size_t)self->line_size);
    }
    return 0;
}

/* --- items ------------------------------------------------------------------------- */

static inline bool
continues(const unsigned char *at, Py_ssize_t left, Py_ssize_t count)
{
    if (left <= count) return false;
    for (Py_ssize_t i = 1; i <= count; i++) {
        if ((at[i] & 0xc0) != 0x80) return false;
    }
    return true;
}

/* Write ASCII characters. */
static inline void
widen(void *restrict out, int kind, Py_ssize_t i, const unsigned char *restrict at, Py_ssize_t run)
{
    for (Py_ssize_t j = 0; j < run; j++) PyUnicode_WRITE(kind, out, i + j, at[j]);
}

/* Write the characters of valid UTF-8; false if it is not. There is room for one character
   for each byte that is no continuation. The kind is a constant for each call, so that the
   compiler makes a loop for each. */
static inline bool
write_text(void *out, int kind, const unsigned char *at, const unsigned char *end)
{
    Py_ssize_t i = 0;
    while (at < end) {
        Py_UCS4 c = *at;
        Py_ssize_t run = 0;
        uint64_t eight;
        while (end - at - run >= 8) {
            memcpy(&eight, at + run, 8);
            if (eight & 0x8080808080808080) break;
            run += 8;
        }
        if (run > 0) {
            widen(out, kind, i, at, run);
            i += run;
            at += run;
            continue;
        }
        if (c < 0x80) {
            at++;
        }
        else if ((c & 0xf0) == 0xe0 && continues(at, end - at, 2)) {
            c = (c & 0x0f) << 12 | (at[1] & 0x3fU) << 6 | (at[2] & 0x3fU);
            if (c < 0x800 || (c & 0xf800) == 0xd800) return false;
            at += 3;
        }
        else if ((c & 0xe0) == 0xc0 && continues(at, end - at, 1)) {
            c = (c & 0x1f) << 6 | (at[1] & 0x3fU);
            if (c < 0x80) return false;
            at += 2;
        }
        else if ((c & 0xf8) == 0xf0 && continues(at, end - at, 3)) {
            c = (c & 0x07) << 18 | (at[1] & 0x3fU) << 12 | (at[2] & 0x3fU) << 6 | (at[3] & 0x3fU);
            if (c < 0x10000 || c > 0x10ffff) return false;
            at += 4;
        }
        else {
            return false;
        }
        PyUnicode_WRITE(kind, out, i++, c);
    }
    return true;
}

/* Python's own decoder guesses a width, widens, and shrinks the result: for short texts that
   costs more than to look first. What is not valid is left to it. */
static PyObject *
decode_wide(Span text, unsigned char top)
{
    const unsigned char *at = (const unsigned char *)text.at, *end = at + text.size;
    Py_ssize_t length = text.size;
    /* In spans whose count fits a byte, so that the compiler takes many bytes at once. */
    for (const unsigned char *from = at; from < end; from += 128) {
        Py_ssize_t size = end - from < 128 ? end - from : 128;
        unsigned char continuations = 0;
        for (Py_ssize_t i = 0; i < size; i++)
            continuations = (unsigned char)(continuations + ((from[i] & 0xc0) == 0x80));
        length -= continuations;
    }
    /* The largest byte tells the width: it begins the longest sequence. */
    PyObject *wide = PyUnicode_New(length, top < 0xc4 ? 0xff : top < 0xf0 ? 0xffff : 0x10ffff);
    if (wide == NULL) return NULL;
    void *out = PyUnicode_DATA(wide);
    if (top < 0xc4 ? write_text(out, PyUnicode_1BYTE_KIND, at, end)
        : top < 0xf0 ? write_text(out, PyUnicode_2BYTE_KIND, at, end)
                     : write_text(out, PyUnicode_4BYTE_KIND, at, end))
        return wide;
    Py_DECREF(wide);
    return PyUnicode_DecodeUTF8(text.at, text.size, "replace");
}

static PyObject *
decode(Span text)
{
    if (text.size < 2 || text.size > SHORT_TEXT)
        return PyUnicode_DecodeUTF8(text.at, text.size, "replace");
    unsigned char top = 0;
    for (Py_ssize_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        top = byte > top ? byte : top;
    }
    if (top >= 0x80) return decode_wide(text, top);
    PyObject *ascii = PyUnicode_New(text.size, 0x7f);
    if (ascii != NULL) memcpy(PyUnicode_1BYTE_DATA(ascii), text.at, (size_t)text.size);
    return ascii;
}

/* The item is new and its slot not yet written: what was there is no reference. */
static inline void
set_slot(PyObject *item, Py_ssize_t offset, PyObject *value)
{
    *(PyObject **)((char *)item + offset) = value;
}

static int
append_item(Feed *feed, PyObject *item)
{
    int result = PyList_Append(feed->items, item);
    Py_DECREF(item);
    return result;
}

/* An item holds nothing but strings and integers, so it is never tracked: it costs the
   garbage collector nothing. This and the next function take over the reference to the text. */
static int
append_event(Feed *feed, PyObject *data)
{
    Parser *self = feed->self;
    State *state = self->state;
    PyObject *item = PyObject_GC_New(PyObject, (PyTypeObject *)state->event_type);
    if (item == NULL) {
        Py_DECREF(data);
        return -1;
    }
    bool named = self->event != NULL && PyUnicode_GET_LENGTH(self->event) > 0;
    set_slot(item, state->event_at, Py_NewRef(named ? self->event : state->message));
    set_slot(item, state->data_at, data);
    set_slot(item, state->id_at, Py_NewRef(self->last_event_id));
    set_slot(item, state->retry_at, Py_NewRef(self->block_retry ? self->block_retry : Py_None));
    return append_item(feed, item);
}

static int
append_comment(Feed *feed, PyObject *text)
{
    if (text == NULL) return -1;
    PyObject *item = PyObject_GC_New(PyObject, (PyTypeObject *)feed->self->state->comment_type);
    if (item == NULL) {
        Py_DECREF(text);
        return -1;
    }
    set_slot(item, feed->self->state->text_at, text);
    return append_item(feed, item);
}

/* --- lines (9.2.6) ----------------------------------------------------------------- */

static int
take_event(Parser *self, Span value)
{
    PyObject *event = self->known_type;
    if (event != NULL && PyUnicode_IS_ASCII(event) && PyUnicode_GET_LENGTH(event) == value.size
        && memcmp(PyUnicode_1BYTE_DATA(event), value.at, (size_t)value.size) == 0) {
        Py_XSETREF(self->event, Py_NewRef(event));
        return 0;
    }
    event = decode(value);
    if (event == NULL) return -1;
    Py_XSETREF(self->event, event);
    if (value.size <= KEPT_TYPE) Py_XSETREF(self->known_type, Py_NewRef(event));
    return 0;
}

static int
take_id(Parser *self, Span value)
{
    if (memchr(value.at, '\0', (size_t)value.size) != NULL) return 0;
    PyObject *id = decode(value);
    if (id == NULL) return -1;
    Py_XSETREF(self->id, id);
    return 0;
}

static int
take_retry(Parser *self, Span value)
{
    uint64_t time = 0;
    if (value.size == 0) return 0;
    for (Py_ssize_t i = 0; i < value.size; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') return 0;
        uint64_t digit = (uint64_t)(value.at[i] - '0');
        if (time > (UINT64_MAX - digit) / 10) return 0;
        time = time * 10 + digit;
    }
    PyObject *retry = PyLong_FromUnsignedLongLong(time);
    if (retry == NULL) return -1;
    Py_XSETREF(self->block_retry, Py_NewRef(retry));
    Py_XSETREF(self->retry, retry);
    return 0;
}

/* Process one line that is not blank and not a data field. */
static int
take_field(Feed *feed, Span line)
{
    const char *colon = memchr(line.at, ':', (size_t)line.size);
    Py_ssize_t name_size = colon != NULL ? colon - line.at : line.size;
    Py_ssize_t start = colon != NULL ? name_size + 1 : name_size;
    if (start < line.size && line.at[start] == ' ') start++;
    Span value = {line.at + start, line.size - start};
    if (name_size == 0) return append_comment(feed, decode(value));
    if (name_size == 2 && memcmp(line.at, "id", 2) == 0) return take_id(feed->self, value);
    if (name_size != 5) return 0;
    if (memcmp(line.at, "event", 5) == 0) return take_event(feed->self, value);
    if (memcmp(line.at, "retry", 5) == 0) return take_retry(feed->self, value);
    return 0;
}

/* Process one line of the chunk that is not blank. */
static int
take_line(Feed *feed, Span line)
{
    Py_ssize_t skip = data_prefix(line);
    if (skip == 0) return take_field(feed, line);
    Span value = {line.at + skip, line.size - skip};
    if (feed->self->data_size == 0 && feed->value.at == NULL) {
        feed->value = value;
        return 0;
    }
    return hold_remembered(feed) < 0 ? -1 : hold_value(feed->self, value);
}

/* Process the line in progress, which is now whole. */
static int
end_held_line(Feed *feed)
{
    Parser *self = feed->self;
    Span line = {self->held + self->data_size, self->line_size};
    if (self->line_skip == 0) {
        self->line_size = 0;
        if (data_prefix(line) == 0) return take_field(feed, line);
        /* Fewer than six bytes, "data" or "data:": what is left of it is nothing. */
    }
    if (reserve(self, 1) < 0) return -1;
    self->data_size += self->line_size;
    self->held[self->data_size++] = '\n';
    self->line_size = self->line_skip = 0;
    return 0;
}

/* Make the data of the block a text and forget its bytes; there are some. */
static PyObject *
take_data(Feed *feed)
{
    Parser *self = feed->self;
    if (feed->value.at != NULL) {
        PyObject *data = decode(feed->value);
        feed->value.at = NULL;
        return data;
    }
    if (self->room - self->data_size > KEPT_ROOM) {
        char *held = PyMem_Realloc(self->held, (size_t)self->data_size);
        if (held != NULL) {
            self->held = held;
            self->room = self->data_size;
        }
    }
    PyObject *data = decode((Span){self->held, self->data_size - 1});
    self->data_size = 0;
    if (self->room > KEPT_ROOM) free_held(self);
    return data;
}

/* The blank line: commit the ID, dispatch, reset (9.2.6, dispatch the event). */
static int
end_block(Feed *feed)
{
    Parser *self = feed->self;
    if (self->id != NULL) {
        Py_SETREF(self->last_event_id, self->id);
        self->id = NULL;
    }
    if (feed->value.at != NULL || self->data_size > 0) {
        PyObject *data = take_data(feed);
        if (data == NULL) return -1;
        if (self->done != NULL && PyUnicode_GET_LENGTH(data) == PyUnicode_GET_LENGTH(self->done)
            && PyUnicode_Compare(data, self->done) == 0) {
            Py_DECREF(data);
            if (PyList_Append(feed->items, feed->self->state->done) < 0) return -1;
        }
        else if (append_event(feed, data) < 0) {
            return -1;
        }
    }
    Py_CLEAR(self->event);
    Py_CLEAR(self->block_retry);
    return 0;
}

/* --- chunks ------------------------------------------------------------------------ */

/* Break the stream if that many more bytes of line would not fit. */
static inline bool
exceeds(Feed *feed, Py_ssize_t more)
{
    Parser *self = feed->self;
    Py_ssize_t retained = self->data_size + self->line_size + self->line_skip;
    if (feed->value.at != NULL) retained += feed->value.size + 1;
    if (more <= self->limit - retained) return false;
    feed->value.at = NULL;
    self->incomplete = self->broken = true;
    drop_buffers(self);
    return true;
}

static inline const char *
find(const char *from, const char *end, char byte)
{
    const char *found = *from == byte ? from : memchr(from, byte, (size_t)(end - from));
    return found != NULL ? found : end;
}

/* Process bytes, at least one. */
static int
feed_lines(Feed *feed, Span chunk)
{
    Parser *self = feed->self;
    const char *at = chunk.at, *end = at + chunk.size;
    /* The next of each, or the end. Each is looked for again only once it is behind: every
       byte is looked at once for each, whatever the mixture. */
    const char *lf = find(at, end, '\n'), *cr = find(at, end, '\r');
    while (at < end) {
        if (lf < at) lf = find(at, end, '\n');
        if (cr < at) cr = find(at, end, '\r');
        const char *stop = lf < cr ? lf : cr;
        Span line = {at, stop - at};
        int result;
        if (line.size > 0 && exceeds(feed, line.size)) return 0;
        if (stop == end) return hold_remembered(feed) < 0 ? -1 : hold_line(self, line);
        if (has_line(self)) result = hold_line(self, line) < 0 ? -1 : end_held_line(feed);
        else result = line.size > 0 ? take_line(feed, line) : end_block(feed);
        if (result < 0) return -1;
        at = stop + 1;
        if (stop == cr) {
            if (at == end) self->after_cr = true;
            else if (*at == '\n') at++;
        }
    }
    return hold_remembered(feed);
}

static int
feed_chunk(Feed *feed, Span chunk)
{
    Parser *self = feed->self;
    if (self->mark >= 0) {
        /* Drop one leading byte order mark, whole or cut; hold back what may begin one. */
        int held = self->mark, same = 0;
        while (held + same < 3 && same < chunk.size && chunk.at[same] == BOM[held + same]) same++;
        if (held + same < 3 && same == chunk.size) {
            self->mark = held + same;
            return 0;
        }
        self->mark = -1;
        if (held + same == 3) {
            chunk.at += same;
            chunk.size -= same;
        }
        else if (held > 0 && feed_lines(feed, (Span){BOM, held}) < 0) {
            return -1;
        }
    }
    if (chunk.size > 0 && self->after_cr) {
        self->after_cr = false;
        if (*chunk.at == '\n') {
            chunk.at++;
            chunk.size--;
        }
    }
    return chunk.size > 0 && !self->broken ? feed_lines(feed, chunk) : 0;
}

static int
end_stream(Feed *feed, bool flush)
{
    Parser *self = feed->self;
    int held = self->mark;
    self->mark = -1;
    /* Too few bytes for a mark are content. */
    if (held > 0 && feed_lines(feed, (Span){BOM, held}) < 0) return -1;
    if (!flush || self->broken) return 0;
    if (has_line(self) && end_held_line(feed) < 0) return -1;
    return end_block(feed);
}

/* --- calls ------------------------------------------------------------------------- */

static bool
is_incomplete(const Parser *self)
{
    if (self->closed || self->broken) return self->incomplete;
    return has_line(self) || self->mark > 0 || self->data_size > 0 || self->event != NULL
           || self->id != NULL;
}

static PyObject *
refuse(Parser *self)
{
    PyObject *kind = self->broken ? self->state->too_large_error : self->state->closed_error;
    PyObject *error = self->broken ? PyObject_CallFunction(kind, "n", self->limit)
                                   : PyObject_CallNoArgs(kind);
    if (error != NULL) PyErr_SetObject(kind, error);
    Py_XDECREF(error);
    return NULL;
}

/* Without a chunk: the end of the stream. */
static PyObject *
advance(Parser *self, const Span *chunk, bool flush)
{
    if (self->broken || self->closed) return refuse(self);
    Feed feed = {self, PyList_New(0), {NULL, 0}};
    if (feed.items == NULL) return NULL;
    if ((chunk != NULL ? feed_chunk(&feed, *chunk) : end_stream(&feed, flush)) < 0) {
        /* Out of memory: bytes were lost, so that all that would follow could be wrong. */
        Py_DECREF(feed.items);
        self->incomplete = self->closed = true;
        drop_buffers(self);
        return NULL;
    }
    if (self->broken && PyList_GET_SIZE(feed.items) == 0) {
        Py_DECREF(feed.items);
        return refuse(self);
    }
    if (chunk == NULL) {
        self->incomplete = is_incomplete(self);
        self->closed = true;
        drop_buffers(self);
    }
    return feed.items;
}

/* An allocation may run the garbage collector, and that any code. A call is alone until it is
   over, and whoever comes meanwhile is told. */
static int
enter(Parser *self)
{
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the parser is in the middle of a call: one thread at a time");
        return -1;
    }
    self->busy = true;
    return 0;
}

static PyObject *
call(Parser *self, const Span *chunk, bool flush)
{
    PyObject *result = NULL;
    Py_BEGIN_CRITICAL_SECTION(self);
    if (enter(self) == 0) {
        result = advance(self, chunk, flush);
        self->busy = false;
    }
    Py_END_CRITICAL_SECTION();
    return result;
}

static PyObject *
type_error(const char *format, PyObject *object)
{
    PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(object), "__name__");
    if (name != NULL) PyErr_Format(PyExc_TypeError, format, name);
    Py_XDECREF(name);
    return NULL;
}

/* Copy the bytes of any other object: while they are looked at and then decoded, others might
   write to such memory (a thread that reads into it, another process). */
static PyObject *
copy_bytes(PyObject *data)
{
    Py_buffer view;
    if (PyUnicode_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "feed() takes bytes, not str: pass the response's "
                                         "bytes, the parser decodes them");
        return NULL;
    }
    if (PyObject_GetBuffer(data, &view, PyBUF_FULL_RO) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return NULL;
        PyErr_Clear();
        return type_error("feed() takes a bytes-like object, not %S", data);
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, view.len);
    if (bytes != NULL && PyBuffer_ToContiguous(PyBytes_AS_STRING(bytes), &view, view.len, 'C') < 0)
        Py_CLEAR(bytes);
    PyBuffer_Release(&view);
    return bytes;
}

/* How many arguments were given by name; -1 if the first of them has another name. */
static inline Py_ssize_t
count_named(PyObject *names, const char *name)
{
    Py_ssize_t count = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    if (count == 0 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), name) == 0)
        return count;
    return -1;
}

PyDoc_STRVAR(feed_doc,
"feed($self, /, data)\n--\n\n"
"Take the next bytes, cut anywhere; return the items that they complete.\n"
"\n"
"Raises TypeError for text, EventTooLargeError at the limit (and on every later\n"
"call), ParserClosedError after close().");

static PyObject *
parser_feed(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t named = count_named(names, "data");
    if (named < 0 || count + named != 1) {
        PyErr_SetString(PyExc_TypeError, "feed() takes exactly one argument, data");
        return NULL;
    }
    PyObject *bytes = PyBytes_CheckExact(args[0]) ? Py_NewRef(args[0]) : copy_bytes(args[0]);
    if (bytes == NULL) return NULL;
    Span chunk = {PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes)};
    PyObject *items = call((Parser *)object, &chunk, false);
    Py_DECREF(bytes);
    return items;
}

PyDoc_STRVAR(close_doc,
"close($self, /, *, flush=False)\n--\n\n"
"End the stream; return the items that its end completes.\n"
"\n"
"An unfinished block is dropped (9.2.6); ``flush`` treats the end as a blank line.\n"
"Raises as feed() does.");

static PyObject *
parser_close(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t named = count_named(names, "flush");
    if (named < 0 || named > 1 || count > 0) {
        PyErr_SetString(PyExc_TypeError, "close() takes one keyword argument, flush");
        return NULL;
    }
    int flush = named == 1 ? PyObject_IsTrue(args[0]) : 0;
    return flush < 0 ? NULL : call((Parser *)object, NULL, flush != 0);
}

static PyObject *
get_last_event_id(PyObject *object, void *Py_UNUSED(closure))
{
    Parser *self = (Parser *)object;
    PyObject *result;
    Py_BEGIN_CRITICAL_SECTION(self);
    result = Py_NewRef(self->last_event_id);
    Py_END_CRITICAL_SECTION();
    return result;
}

static PyObject *
get_retry(PyObject *object, void *Py_UNUSED(closure))
{
    Parser *self = (Parser *)object;
    PyObject *result;
    Py_BEGIN_CRITICAL_SECTION(self);
    result = Py_NewRef(self->retry != NULL ? self->retry : Py_None);
    Py_END_CRITICAL_SECTION();
    return result;
}

static PyObject *
get_incomplete(PyObject *object, void *Py_UNUSED(closure))
{
    Parser *self = (Parser *)object;
    bool result;
    Py_BEGIN_CRITICAL_SECTION(self);
    result = is_incomplete(self);
    Py_END_CRITICAL_SECTION();
    return PyBool_FromLong(result);
}

static PyObject *
parser_repr(PyObject *object)
{
    Parser *self = (Parser *)object;
    const char *word;
    Py_BEGIN_CRITICAL_SECTION(self);
    word = self->broken ? "broken" : self->closed ? "closed" : "open";
    Py_END_CRITICAL_SECTION();
    return PyUnicode_FromFormat("<sse_stream.Parser compiled %s>", word);
}

/* --- the type ---------------------------------------------------------------------- */

/* The type is all that could be part of a cycle, and has its own way to break one. */
static int
parser_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
parser_dealloc(PyObject *object)
{
    Parser *self = (Parser *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    drop_buffers(self);
    Py_CLEAR(self->last_event_id);
    Py_CLEAR(self->done);
    Py_CLEAR(self->retry);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *
parser_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(names))
{
    Parser *self = (Parser *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    /* The module is that of the type made here, which may be a base of the one asked for. */
    while (type->tp_dealloc != parser_dealloc) type = type->tp_base;
    self->state = PyType_GetModuleState(type);
    self->mark = -1;
    self->closed = true; /* until __init__, which a subclass may forget */
    self->last_event_id = PyUnicode_New(0, 0);
    if (self->last_event_id == NULL) Py_CLEAR(self);
    return (PyObject *)self;
}

/* Check a text argument as parser.py does; return it as an exact str. */
static PyObject *
check_text(PyObject *text, const char *refused, int count, const char *kind, const char *value)
{
    if (!PyUnicode_Check(text)) return type_error(kind, text);
    for (int i = 0; i < count; i++) {
        Py_ssize_t found = PyUnicode_FindChar(text, (Py_UCS4)refused[i], 0,
                                              PyUnicode_GET_LENGTH(text), 1);
        if (found >= 0) PyErr_SetString(PyExc_ValueError, value);
        if (found != -1) return NULL;
    }
    return PyUnicode_FromObject(text);
}

/* The limit as a number, or -1 with an error. */
static Py_ssize_t
check_limit(PyObject *limit)
{
    /* No buffer can hold PY_SSIZE_T_MAX bytes: it is as good as no limit. */
    if (limit == Py_None) return PY_SSIZE_T_MAX;
    if (PyBool_Check(limit) || !PyLong_Check(limit)) {
        type_error("max_event_size must be an int or None, not %S", limit);
        return -1;
    }
    int overflow;
    long long size = PyLong_AsLongLongAndOverflow(limit, &overflow);
    if (overflow < 0 || (overflow == 0 && size <= 0)) {
        PyErr_Format(PyExc_ValueError, "max_event_size must be positive, not %S", limit);
        return -1;
    }
    return overflow > 0 || size > PY_SSIZE_T_MAX ? PY_SSIZE_T_MAX : (Py_ssize_t)size;
}

static int
parser_init(PyObject *object, PyObject *args, PyObject *names)
{
    Parser *self = (Parser *)object;
    static char *keywords[] = {"last_event_id", "done", "max_event_size", NULL};
    PyObject *last_event_id = NULL, *done = NULL, *max_event_size = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, names, "|$OOO:Parser", keywords, &last_event_id, &done,
                                     &max_event_size))
        return -1;
    last_event_id = last_event_id == NULL ? PyUnicode_New(0, 0)
        : check_text(last_event_id, "\0\r\n", 3, "last_event_id must be a str, not %S",
                     "last_event_id cannot hold NUL, CR or LF");
    if (last_event_id == NULL) return -1;
    if (done == NULL) done = PyUnicode_FromString("[DONE]");
    else if (done == Py_None) Py_INCREF(done);
    else done = check_text(done, "\r\n", 2, "done must be a str or None, not %S",
                           "done cannot hold CR or LF: no such data would ever match");
    Py_ssize_t limit = done == NULL ? -1
        : max_event_size == NULL ? 64 * 1024 * 1024 : check_limit(max_event_size);
    int result = -1;
    if (limit > 0) {
        Py_BEGIN_CRITICAL_SECTION(self);
        result = enter(self);
        if (result == 0) {
            drop_buffers(self);
            Py_CLEAR(self->retry);
            Py_XSETREF(self->last_event_id, Py_NewRef(last_event_id));
            Py_XSETREF(self->done, done != Py_None ? Py_NewRef(done) : NULL);
            self->limit = limit;
            self->mark = 0;
            self->after_cr = self->closed = self->broken = self->incomplete = false;
            self->busy = false;
        }
        Py_END_CRITICAL_SECTION();
    }
    Py_DECREF(last_event_id);
    Py_XDECREF(done);
    return result;
}

PyDoc_STRVAR(parser_doc,
"Parser(*, last_event_id='', done='[DONE]', max_event_size=67108864)\n--\n\n"
"A push-style parser of one event stream (HTML standard, 9.2.6).\n"
"\n"
"``last_event_id`` starts the last event ID string, to resume a stream. A block whose\n"
"data equals ``done`` comes out as DONE; None turns that off. ``max_event_size`` bounds\n"
"the bytes retained for one block and its line in progress; None means no limit.\n"
"\n"
"Raises TypeError or ValueError for arguments that could never work.\n"
"\n"
">>> parser = Parser()\n"
">>> parser.feed(b\": hi\\ndata: on\")\n"
"[Comment(text='hi')]\n"
">>> parser.feed(b\"e\\n\\n\")\n"
"[Event(event='message', data='one', id='', retry=None)]");

#define METHOD(function) \
    (PyCFunction)(void (*)(void))function, METH_FASTCALL | METH_KEYWORDS

static PyMethodDef parser_methods[] = {
    {"feed", METHOD(parser_feed), feed_doc},
    {"close", METHOD(parser_close), close_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef parser_properties[] = {
    {"last_event_id", get_last_event_id, NULL,
     "The last event ID string, as committed by the last blank line.", NULL},
    {"retry", get_retry, NULL,
     "The reconnection time in milliseconds, or None until the stream sets it.", NULL},
    {"incomplete", get_incomplete, NULL,
     "Whether an end now would lose bytes; after close(), whether it did.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot parser_slots[] = {
    {Py_tp_doc, (void *)parser_doc},
    {Py_tp_new, (void *)parser_new},
    {Py_tp_init, (void *)parser_init},
    {Py_tp_dealloc, (void *)parser_dealloc},
    {Py_tp_traverse, (void *)parser_traverse},
    {Py_tp_repr, (void *)parser_repr},
    {Py_tp_methods, parser_methods},
    {Py_tp_getset, parser_properties},
    {0, NULL},
};

static PyType_Spec parser_spec = {
    .name = "sse_stream._speedups.Parser",
    .basicsize = sizeof(Parser),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = parser_slots,
};

/* --- the module -------------------------------------------------------------------- */

/* A name of the module beside this one, wherever the package was copied to. */
static PyObject *
import_beside(PyObject *module, const char *beside, const char *name)
{
    PyObject *result = NULL, *names = Py_BuildValue("(s)", name);
    if (names == NULL) return NULL;
    PyObject *found = PyImport_ImportModuleLevel(beside, PyModule_GetDict(module), NULL, names, 1);
    if (found != NULL) result = PyObject_GetAttrString(found, name);
    Py_XDECREF(found);
    Py_DECREF(names);
    return result;
}

/* A class whose instances are nothing but that many slots: all that set_slot() relies on. */
static PyObject *
import_item(PyObject *module, const char *name, Py_ssize_t slots)
{
    PyObject *found = import_beside(module, "items", name);
    if (found == NULL) return NULL;
    PyTypeObject *type = (PyTypeObject *)found;
    Py_ssize_t size = (Py_ssize_t)sizeof(PyObject) + slots * (Py_ssize_t)sizeof(PyObject *);
    if (!PyType_Check(found) || !PyType_IS_GC(type) || type->tp_free != PyObject_GC_Del
        || type->tp_basicsize != size || type->tp_itemsize != 0 || type->tp_dictoffset != 0
        || type->tp_weaklistoffset != 0) {
        PyErr_Format(PyExc_ImportError, "%s is not laid out as this module expects", name);
        Py_CLEAR(found);
    }
    return found;
}

/* The offset of a slot, as the class' own descriptor knows it. */
static int
find_slot(PyObject *type, const char *name, Py_ssize_t *offset)
{
    PyObject *found = PyObject_GetAttrString(type, name);
    if (found == NULL) return -1;
    PyMemberDef *member = NULL;
    if (Py_IS_TYPE(found, &PyMemberDescr_Type) && (PyObject *)PyDescr_TYPE(found) == type)
        member = ((PyMemberDescrObject *)found)->d_member;
    int result = member != NULL && member->type == T_OBJECT_EX ? 0 : -1;
    if (result == 0) *offset = member->offset;
    else PyErr_Format(PyExc_ImportError, "%s is not a slot of its class", name);
    Py_DECREF(found);
    return result;
}

static int
module_exec(PyObject *module)
{
    State *state = PyModule_GetState(module);
    if ((state->event_type = import_item(module, "Event", 4)) == NULL
        || find_slot(state->event_type, "_event", &state->event_at) < 0
        || find_slot(state->event_type, "_data", &state->data_at) < 0
        || find_slot(state->event_type, "_id", &state->id_at) < 0
        || find_slot(state->event_type, "_retry", &state->retry_at) < 0
        || (state->comment_type = import_item(module, "Comment", 1)) == NULL
        || find_slot(state->comment_type, "_text", &state->text_at) < 0
        || (state->done = import_beside(module, "items", "DONE")) == NULL
        || (state->too_large_error = import_beside(module, "errors", "EventTooLargeError")) == NULL
        || (state->closed_error = import_beside(module, "errors", "ParserClosedError")) == NULL
        || (state->message = PyUnicode_InternFromString("message")) == NULL)
        return -1;
    PyObject *type = PyType_FromModuleAndSpec(module, &parser_spec, NULL);
    PyObject *name = type != NULL ? PyModule_GetNameObject(module) : NULL;
    int result = name != NULL ? PyObject_SetAttrString(type, "__module__", name) : -1;
    if (result == 0) result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(name);
    Py_XDECREF(type);
    return result;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    Py_VISIT(state->event_type);
    Py_VISIT(state->comment_type);
    Py_VISIT(state->done);
    Py_VISIT(state->too_large_error);
    Py_VISIT(state->closed_error);
    return 0;
}

/* There is no m_clear: a parser may outlive the module's dictionary and still needs these,
   and every cycle through them goes through some dictionary too. */
static void
module_free(void *module)
{
    State *state = PyModule_GetState((PyObject *)module);
    Py_CLEAR(state->event_type);
    Py_CLEAR(state->comment_type);
    Py_CLEAR(state->done);
    Py_CLEAR(state->too_large_error);
    Py_CLEAR(state->closed_error);
    Py_CLEAR(state->message);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_speedups",
    .m_doc = "The Parser of parser.py, compiled.",
    .m_size = sizeof(State),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__speedups(void)
{
    return PyModuleDef_Init(&module_def);
}
