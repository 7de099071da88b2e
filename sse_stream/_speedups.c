/* The Parser of parser.py once more, compiled.
 *
 * parser.py is the reference: names, rules, errors and docstrings here follow it, and the
 * tests hold the two together. What differs is how the bytes move:
 *
 * - A line that lies whole in the chunk is never copied: its value is decoded from the chunk.
 *   The first data value of a block is only remembered (Feed.value) and copied when the block
 *   goes on with another data field or into the next chunk.
 * - What must outlive the call is in one buffer: the data of the block, each value with its
 *   newline, then the line in progress. As soon as that line is known to be a data field its
 *   name is taken out, so that the end of the line costs nothing more.
 * - Items are the classes of items.py, made without a call to __init__: their slots are
 *   written at the offsets that the classes' own descriptors tell.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <string.h>

#if PY_VERSION_HEX < 0x030D0000
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

/* A buffer above this size is given back when its event is out. */
#define KEPT_ROOM 65536
/* Types repeat from event to event; one of at most this size is not decoded twice in a row. */
#define KEPT_TYPE 64
#define NO_LIMIT PY_SSIZE_T_MAX

static const char BOM[] = "\xef\xbb\xbf";

typedef struct {
    PyTypeObject *event_type;
    PyTypeObject *comment_type;
    PyObject *done;
    PyObject *too_large_error;
    PyObject *closed_error;
    PyObject *message;
    /* Where the slots lie in an Event and in a Comment. */
    Py_ssize_t event_at, data_at, id_at, retry_at, text_at;
} State;

/* All strings held are of the exact type str: no cycle can go through a parser or an item. */
typedef struct {
    PyObject_HEAD
    char *held;           /* data of the block, then the line in progress */
    Py_ssize_t room;      /* bytes allocated at held */
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
    signed char mark;      /* bytes held that may begin a byte order mark; -1 once decided */
    char after_cr;
    char closed;
    char broken;
    char incomplete;
    char busy;
} Parser;

/* One call to feed() or close(). */
typedef struct {
    Parser *self;
    State *state;
    PyObject *items;
    const char *value; /* the block's only data value, still in the chunk; NULL: none */
    Py_ssize_t value_size;
} Feed;

/* --- what is held ------------------------------------------------------------------ */

static int
reserve(Parser *self, Py_ssize_t more)
{
    Py_ssize_t used = self->data_size + self->line_size;
    if (more <= self->room - used) {
        return 0;
    }
    /* Geometric: linear in the bytes for every cut. The half is given back before a large
       text is made (see end_block), so that it never adds to the peak. */
    if (more > PY_SSIZE_T_MAX / 2 - used) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t room = used + more;
    room = room < 256 ? 256 : room + room / 2;
    char *held = PyMem_Realloc(self->held, (size_t)room);
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

/* How many bytes stand before the value if the line is a data field, else 0. */
static inline Py_ssize_t
data_prefix(const char *line, Py_ssize_t size)
{
    if (size < 4 || memcmp(line, "data", 4) != 0) {
        return 0;
    }
    if (size == 4) {
        return 4;
    }
    if (line[4] != ':') {
        return 0;
    }
    return size > 5 && line[5] == ' ' ? 6 : 5;
}

/* Add one value, with its newline, to the data of the block. No line is in progress. */
static int
hold_value(Parser *self, const char *value, Py_ssize_t size)
{
    if (reserve(self, size + 1) < 0) {
        return -1;
    }
    memcpy(self->held + self->data_size, value, (size_t)size);
    self->data_size += size;
    self->held[self->data_size++] = '\n';
    return 0;
}

/* Take the remembered value out of the chunk, which ends or has more data for the block. */
static int
hold_remembered(Feed *feed)
{
    if (feed->value == NULL) {
        return 0;
    }
    int result = hold_value(feed->self, feed->value, feed->value_size);
    feed->value = NULL;
    return result;
}

/* Add a piece to the line in progress. */
static int
hold_line(Parser *self, const char *piece, Py_ssize_t size)
{
    if (reserve(self, size) < 0) {
        return -1;
    }
    Py_ssize_t before = self->line_size;
    char *line = self->held + self->data_size;
    memcpy(line + before, piece, (size_t)size);
    self->line_size += size;
    /* Six bytes decide whether it is a data field, the space after the colon included. */
    if (self->line_skip == 0 && before < 6 && self->line_size >= 6) {
        self->line_skip = data_prefix(line, self->line_size);
        self->line_size -= self->line_skip;
        memmove(line, line + self->line_skip, (size_t)self->line_size);
    }
    return 0;
}

/* --- items ------------------------------------------------------------------------- */

/* The slot is written once, in a new object: what was there is no reference. */
static inline void
set_slot(PyObject *item, Py_ssize_t offset, PyObject *value)
{
    *(PyObject **)((char *)item + offset) = value;
}

static inline PyObject *
decode(const char *bytes, Py_ssize_t size)
{
    return PyUnicode_DecodeUTF8(bytes, size, "replace");
}

static int
append_item(Feed *feed, PyObject *item)
{
    int result = PyList_Append(feed->items, item);
    Py_DECREF(item);
    return result;
}

/* An item holds strings and integers alone, so it is never tracked: it costs the garbage
   collector nothing. */
static int
append_event(Feed *feed, PyObject *data)
{
    Parser *self = feed->self;
    State *state = feed->state;
    PyObject *item = PyObject_GC_New(PyObject, state->event_type);
    if (item == NULL) {
        Py_DECREF(data);
        return -1;
    }
    PyObject *event = self->event;
    if (event == NULL || PyUnicode_GET_LENGTH(event) == 0) {
        event = state->message;
    }
    set_slot(item, state->event_at, Py_NewRef(event));
    set_slot(item, state->data_at, data);
    set_slot(item, state->id_at, Py_NewRef(self->last_event_id));
    set_slot(item, state->retry_at, Py_NewRef(self->block_retry ? self->block_retry : Py_None));
    return append_item(feed, item);
}

static int
append_comment(Feed *feed, const char *bytes, Py_ssize_t size)
{
    PyObject *text = decode(bytes, size);
    if (text == NULL) {
        return -1;
    }
    PyObject *item = PyObject_GC_New(PyObject, feed->state->comment_type);
    if (item == NULL) {
        Py_DECREF(text);
        return -1;
    }
    set_slot(item, feed->state->text_at, text);
    return append_item(feed, item);
}

/* --- lines (9.2.6) ----------------------------------------------------------------- */

static int
take_event(Parser *self, const char *value, Py_ssize_t size)
{
    PyObject *known = self->known_type;
    if (known != NULL && PyUnicode_GET_LENGTH(known) == size && PyUnicode_IS_ASCII(known)
        && memcmp(PyUnicode_1BYTE_DATA(known), value, (size_t)size) == 0)
    {
        Py_XSETREF(self->event, Py_NewRef(known));
        return 0;
    }
    PyObject *event = decode(value, size);
    if (event == NULL) {
        return -1;
    }
    Py_XSETREF(self->event, event);
    if (size <= KEPT_TYPE) {
        Py_XSETREF(self->known_type, Py_NewRef(event));
    }
    return 0;
}

static int
take_id(Parser *self, const char *value, Py_ssize_t size)
{
    if (memchr(value, '\0', (size_t)size) != NULL) {
        return 0;
    }
    PyObject *id = decode(value, size);
    if (id == NULL) {
        return -1;
    }
    Py_XSETREF(self->id, id);
    return 0;
}

static int
take_retry(Parser *self, const char *value, Py_ssize_t size)
{
    unsigned long long time = 0;
    int fits = size > 0;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return 0;
        }
        unsigned long long digit = (unsigned long long)(value[i] - '0');
        if (time > (UINT64_MAX - digit) / 10) {
            fits = 0; /* go on: it is ignored in any case */
        }
        time = time * 10 + digit;
    }
    if (!fits) {
        return 0;
    }
    PyObject *retry = PyLong_FromUnsignedLongLong(time);
    if (retry == NULL) {
        return -1;
    }
    Py_XSETREF(self->block_retry, Py_NewRef(retry));
    Py_XSETREF(self->retry, retry);
    return 0;
}

/* Process one line that is not blank and not a data field. */
static int
take_field(Feed *feed, const char *line, Py_ssize_t size)
{
    const char *colon = memchr(line, ':', (size_t)size);
    const char *value = colon != NULL ? colon + 1 : line + size;
    Py_ssize_t name_size = colon != NULL ? colon - line : size;
    Py_ssize_t value_size = line + size - value;
    if (value_size > 0 && *value == ' ') {
        value++;
        value_size--;
    }
    switch (name_size) {
    case 0:
        return append_comment(feed, value, value_size);
    case 2:
        return memcmp(line, "id", 2) == 0 ? take_id(feed->self, value, value_size) : 0;
    case 5:
        if (memcmp(line, "event", 5) == 0) {
            return take_event(feed->self, value, value_size);
        }
        return memcmp(line, "retry", 5) == 0 ? take_retry(feed->self, value, value_size) : 0;
    default:
        return 0;
    }
}

/* Process one line of the chunk that is not blank. */
static int
take_line(Feed *feed, const char *line, Py_ssize_t size)
{
    Py_ssize_t skip = data_prefix(line, size);
    if (skip == 0) {
        return take_field(feed, line, size);
    }
    if (feed->self->data_size == 0 && feed->value == NULL) {
        feed->value = line + skip;
        feed->value_size = size - skip;
        return 0;
    }
    if (hold_remembered(feed) < 0) {
        return -1;
    }
    return hold_value(feed->self, line + skip, size - skip);
}

/* Process the line in progress, that is now whole. */
static int
end_held_line(Feed *feed)
{
    Parser *self = feed->self;
    char *line = self->held + self->data_size;
    Py_ssize_t size = self->line_size;
    if (self->line_skip == 0) {
        if (data_prefix(line, size) == 0) {
            self->line_size = 0;
            return take_field(feed, line, size);
        }
        self->line_size = 0; /* fewer than six bytes: "data" or "data:" */
    }
    if (reserve(self, 1) < 0) {
        return -1;
    }
    self->data_size += self->line_size;
    self->held[self->data_size++] = '\n';
    self->line_size = self->line_skip = 0;
    return 0;
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
    PyObject *data = NULL;
    if (feed->value != NULL) {
        data = decode(feed->value, feed->value_size);
        feed->value = NULL;
        if (data == NULL) {
            return -1;
        }
    }
    else if (self->data_size > 0) {
        if (self->room - self->data_size > KEPT_ROOM) {
            char *less = PyMem_Realloc(self->held, (size_t)self->data_size);
            if (less != NULL) {
                self->held = less;
                self->room = self->data_size;
            }
        }
        data = decode(self->held, self->data_size - 1);
        if (data == NULL) {
            return -1;
        }
        self->data_size = 0;
        if (self->room > KEPT_ROOM) {
            free_held(self);
        }
    }
    if (data != NULL) {
        if (self->done != NULL && PyUnicode_GET_LENGTH(data) == PyUnicode_GET_LENGTH(self->done)
            && PyUnicode_Compare(data, self->done) == 0)
        {
            Py_DECREF(data);
            if (PyList_Append(feed->items, feed->state->done) < 0) {
                return -1;
            }
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
static inline int
exceeds(Feed *feed, Py_ssize_t more)
{
    Parser *self = feed->self;
    Py_ssize_t retained = self->data_size + self->line_size + self->line_skip;
    if (feed->value != NULL) {
        retained += feed->value_size + 1;
    }
    if (more <= self->limit - retained) {
        return 0;
    }
    feed->value = NULL;
    self->incomplete = 1;
    self->broken = 1;
    drop_buffers(self);
    return 1;
}

static inline const char *
find(const char *from, const char *end, char byte)
{
    const char *found = *from == byte ? from : memchr(from, byte, (size_t)(end - from));
    return found != NULL ? found : end;
}

/* Process bytes, at least one. */
static int
feed_lines(Feed *feed, const char *at, Py_ssize_t size)
{
    Parser *self = feed->self;
    const char *end = at + size;
    /* The next of each, or the end. Each is looked for again only once it is behind, so
       every byte is looked at once for each, whatever the mixture. */
    const char *lf = find(at, end, '\n');
    const char *cr = find(at, end, '\r');
    while (at < end) {
        if (lf < at) {
            lf = find(at, end, '\n');
        }
        if (cr < at) {
            cr = find(at, end, '\r');
        }
        const char *stop = lf < cr ? lf : cr;
        size = stop - at;
        if (size > 0 && exceeds(feed, size)) {
            return 0;
        }
        if (stop == end) {
            return hold_remembered(feed) < 0 ? -1 : hold_line(self, at, size);
        }
        int result;
        if (self->line_size + self->line_skip > 0) {
            result = hold_line(self, at, size) < 0 ? -1 : end_held_line(feed);
        }
        else if (size > 0) {
            result = take_line(feed, at, size);
        }
        else {
            result = end_block(feed);
        }
        if (result < 0) {
            return -1;
        }
        at = stop + 1;
        if (stop == cr) {
            if (at == end) {
                self->after_cr = 1;
            }
            else if (*at == '\n') {
                at++;
            }
        }
    }
    return hold_remembered(feed);
}

/* Drop one leading byte order mark, whole or cut; hold back what may begin one. */
static int
feed_start(Feed *feed, const char **at, Py_ssize_t *size)
{
    Parser *self = feed->self;
    int held = self->mark;
    Py_ssize_t same = 0;
    while (held + same < 3 && same < *size && (*at)[same] == BOM[held + same]) {
        same++;
    }
    if (held + same < 3 && same == *size) {
        self->mark = (signed char)(held + same);
        *size = 0;
        return 0;
    }
    self->mark = -1;
    if (held + same == 3) {
        *at += same;
        *size -= same;
        return 0;
    }
    return held > 0 ? feed_lines(feed, BOM, held) : 0;
}

static int
feed_chunk(Feed *feed, const char *at, Py_ssize_t size)
{
    Parser *self = feed->self;
    if (self->mark >= 0 && feed_start(feed, &at, &size) < 0) {
        return -1;
    }
    if (size > 0 && self->after_cr) {
        self->after_cr = 0;
        if (*at == '\n') {
            at++;
            size--;
        }
    }
    return size > 0 && !self->broken ? feed_lines(feed, at, size) : 0;
}

static int
end_stream(Feed *feed, int flush)
{
    Parser *self = feed->self;
    if (self->mark > 0) {
        /* Too few bytes for a mark: they are content. */
        int held = self->mark;
        self->mark = -1;
        if (feed_lines(feed, BOM, held) < 0) {
            return -1;
        }
        if (self->broken) {
            return 0;
        }
    }
    if (flush) {
        if (self->line_size + self->line_skip > 0 && end_held_line(feed) < 0) {
            return -1;
        }
        if (end_block(feed) < 0) {
            return -1;
        }
    }
    return 0;
}

/* --- the type ---------------------------------------------------------------------- */

static int
holds_something(Parser *self)
{
    return self->line_size + self->line_skip > 0 || self->mark > 0 || self->data_size > 0
           || self->event != NULL || self->id != NULL;
}

static PyObject *
refuse(Parser *self, State *state)
{
    if (!self->broken) {
        PyErr_SetNone(state->closed_error);
        return NULL;
    }
    PyObject *error = PyObject_CallFunction(state->too_large_error, "n", self->limit);
    if (error != NULL) {
        PyErr_SetObject(state->too_large_error, error);
        Py_DECREF(error);
    }
    return NULL;
}

/* Memory allocations may run the garbage collector, which may run anything: this call is
   alone until it is over, and whoever comes meanwhile is told. */
static int
enter(Parser *self)
{
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the parser is in the middle of a call: one thread at a time");
        return -1;
    }
    self->busy = 1;
    return 0;
}

static PyObject *
feed_bytes(Parser *self, State *state, const char *at, Py_ssize_t size, int end, int flush)
{
    if (self->broken || self->closed) {
        return refuse(self, state);
    }
    Feed feed = {self, state, PyList_New(0), NULL, 0};
    if (feed.items == NULL) {
        return NULL;
    }
    int result = end ? end_stream(&feed, flush) : feed_chunk(&feed, at, size);
    if (result < 0) {
        /* Out of memory: bytes were lost, so that all that would follow could be wrong. */
        Py_DECREF(feed.items);
        drop_buffers(self);
        self->incomplete = 1;
        self->closed = 1;
        return NULL;
    }
    if (self->broken && PyList_GET_SIZE(feed.items) == 0) {
        Py_DECREF(feed.items);
        return refuse(self, state);
    }
    if (end) {
        self->incomplete = (char)holds_something(self);
        self->closed = 1;
        drop_buffers(self);
    }
    return feed.items;
}

static PyObject *
type_name(PyObject *object)
{
    return PyObject_GetAttrString((PyObject *)Py_TYPE(object), "__name__");
}

static PyObject *
type_error(const char *format, PyObject *object)
{
    PyObject *name = type_name(object);
    if (name != NULL) {
        PyErr_Format(PyExc_TypeError, format, name);
        Py_DECREF(name);
    }
    return NULL;
}

PyDoc_STRVAR(feed_doc,
"feed($self, /, data)\n--\n\n"
"Take the next bytes, cut anywhere; return the items that they complete.\n"
"\n"
"Raises TypeError for text, EventTooLargeError at the limit (and on every later\n"
"call), ParserClosedError after close().");

static PyObject *
feed_buffer(Parser *self, State *state, PyObject *data)
{
    Py_buffer view;
    if (PyUnicode_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "feed() takes bytes, not str: pass the response's "
                                         "bytes, the parser decodes them");
        return NULL;
    }
    if (PyObject_GetBuffer(data, &view, PyBUF_FULL_RO) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
            return NULL;
        }
        PyErr_Clear();
        return type_error("feed() takes a bytes-like object, not %S", data);
    }
    const char *at = view.buf;
    char *copy = NULL;
    PyObject *result = NULL;
    if (!PyBuffer_IsContiguous(&view, 'C')) {
        copy = PyMem_Malloc(view.len > 0 ? (size_t)view.len : 1);
        if (copy == NULL) {
            PyErr_NoMemory();
        }
        if (copy == NULL || PyBuffer_ToContiguous(copy, &view, view.len, 'C') < 0) {
            PyBuffer_Release(&view);
            PyMem_Free(copy);
            return NULL;
        }
        at = copy;
    }
    Py_BEGIN_CRITICAL_SECTION(self);
    if (enter(self) == 0) {
        result = feed_bytes(self, state, at, view.len, 0, 0);
        PyBuffer_Release(&view);
        self->busy = 0;
    }
    else {
        PyBuffer_Release(&view);
    }
    Py_END_CRITICAL_SECTION();
    PyMem_Free(copy);
    return result;
}

static PyObject *
parser_feed(Parser *self, PyTypeObject *cls, PyObject *const *args, Py_ssize_t count,
            PyObject *names)
{
    Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    if (count + named != 1
        || (named && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "data") != 0))
    {
        PyErr_SetString(PyExc_TypeError, "feed() takes exactly one argument, data");
        return NULL;
    }
    State *state = PyType_GetModuleState(cls);
    if (!PyBytes_CheckExact(args[0])) {
        return feed_buffer(self, state, args[0]);
    }
    PyObject *result = NULL;
    Py_BEGIN_CRITICAL_SECTION(self);
    if (enter(self) == 0) {
        result = feed_bytes(self, state, PyBytes_AS_STRING(args[0]), PyBytes_GET_SIZE(args[0]),
                            0, 0);
        self->busy = 0;
    }
    Py_END_CRITICAL_SECTION();
    return result;
}

PyDoc_STRVAR(close_doc,
"close($self, /, *, flush=False)\n--\n\n"
"End the stream; return the items that its end completes.\n"
"\n"
"An unfinished block is dropped (9.2.6); ``flush`` treats the end as a blank line.\n"
"Raises as feed() does.");

static PyObject *
parser_close(Parser *self, PyTypeObject *cls, PyObject *const *args, Py_ssize_t count,
             PyObject *names)
{
    Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    if (count > 0 || named > 1
        || (named && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "flush") != 0))
    {
        PyErr_SetString(PyExc_TypeError, "close() takes one keyword argument, flush");
        return NULL;
    }
    int flush = named ? PyObject_IsTrue(args[0]) : 0;
    if (flush < 0) {
        return NULL;
    }
    PyObject *result = NULL;
    Py_BEGIN_CRITICAL_SECTION(self);
    if (enter(self) == 0) {
        result = feed_bytes(self, PyType_GetModuleState(cls), NULL, 0, 1, flush);
        self->busy = 0;
    }
    Py_END_CRITICAL_SECTION();
    return result;
}

static PyObject *
get_last_event_id(Parser *self, void *Py_UNUSED(closure))
{
    PyObject *result;
    Py_BEGIN_CRITICAL_SECTION(self);
    result = Py_NewRef(self->last_event_id);
    Py_END_CRITICAL_SECTION();
    return result;
}

static PyObject *
get_retry(Parser *self, void *Py_UNUSED(closure))
{
    PyObject *result;
    Py_BEGIN_CRITICAL_SECTION(self);
    result = Py_NewRef(self->retry != NULL ? self->retry : Py_None);
    Py_END_CRITICAL_SECTION();
    return result;
}

static PyObject *
get_incomplete(Parser *self, void *Py_UNUSED(closure))
{
    int result;
    Py_BEGIN_CRITICAL_SECTION(self);
    result = self->closed || self->broken ? self->incomplete : holds_something(self);
    Py_END_CRITICAL_SECTION();
    return PyBool_FromLong(result);
}

static PyObject *
parser_repr(Parser *self)
{
    const char *word;
    Py_BEGIN_CRITICAL_SECTION(self);
    word = self->broken ? "broken" : self->closed ? "closed" : "open";
    Py_END_CRITICAL_SECTION();
    return PyUnicode_FromFormat("<sse_stream.Parser compiled %s>", word);
}

static PyObject *
parser_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(names))
{
    Parser *self = (Parser *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->mark = -1;
    self->closed = 1; /* until __init__, which a subclass may forget */
    self->last_event_id = PyUnicode_New(0, 0);
    if (self->last_event_id == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* 1 if the text holds one of the characters, 0 if not, -1 for an error. */
static int
holds_any(PyObject *text, const char *characters, int count)
{
    for (int i = 0; i < count; i++) {
        Py_ssize_t found = PyUnicode_FindChar(text, (Py_UCS4)characters[i], 0,
                                              PyUnicode_GET_LENGTH(text), 1);
        if (found != -1) {
            return found == -2 ? -1 : 1;
        }
    }
    return 0;
}

/* Check the arguments as parser.py does; the limit as a number is the result, or 0. */
static Py_ssize_t
check_arguments(PyObject *last_event_id, PyObject *done, PyObject *limit)
{
    int wrong;
    if (last_event_id != NULL) {
        if (!PyUnicode_Check(last_event_id)) {
            type_error("last_event_id must be a str, not %S", last_event_id);
            return 0;
        }
        if ((wrong = holds_any(last_event_id, "\0\r\n", 3)) != 0) {
            if (wrong > 0) {
                PyErr_SetString(PyExc_ValueError, "last_event_id cannot hold NUL, CR or LF");
            }
            return 0;
        }
    }
    if (done != NULL && done != Py_None) {
        if (!PyUnicode_Check(done)) {
            type_error("done must be a str or None, not %S", done);
            return 0;
        }
        if ((wrong = holds_any(done, "\r\n", 2)) != 0) {
            if (wrong > 0) {
                PyErr_SetString(PyExc_ValueError,
                                "done cannot hold CR or LF: no such data would ever match");
            }
            return 0;
        }
    }
    if (limit == NULL) {
        return 64 * 1024 * 1024;
    }
    if (limit == Py_None) {
        return NO_LIMIT;
    }
    if (PyBool_Check(limit) || !PyLong_Check(limit)) {
        type_error("max_event_size must be an int or None, not %S", limit);
        return 0;
    }
    int overflow;
    long long size = PyLong_AsLongLongAndOverflow(limit, &overflow);
    if (overflow < 0 || (overflow == 0 && size <= 0)) {
        PyErr_Format(PyExc_ValueError, "max_event_size must be positive, not %S", limit);
        return 0;
    }
    /* No memory holds more than that: no limit is the same. */
    return overflow > 0 || size > PY_SSIZE_T_MAX ? NO_LIMIT : (Py_ssize_t)size;
}

static int
parser_init(Parser *self, PyObject *args, PyObject *names)
{
    static char *keywords[] = {"last_event_id", "done", "max_event_size", NULL};
    PyObject *last_event_id = NULL, *done = NULL, *max_event_size = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, names, "|$OOO:Parser", keywords, &last_event_id,
                                     &done, &max_event_size))
    {
        return -1;
    }
    Py_ssize_t limit = check_arguments(last_event_id, done, max_event_size);
    if (limit == 0) {
        return -1;
    }
    last_event_id =
        last_event_id != NULL ? PyUnicode_FromObject(last_event_id) : PyUnicode_New(0, 0);
    if (last_event_id == NULL) {
        return -1;
    }
    if (done == Py_None) {
        done = NULL;
    }
    else {
        done = done != NULL ? PyUnicode_FromObject(done) : PyUnicode_FromString("[DONE]");
        if (done == NULL) {
            Py_DECREF(last_event_id);
            return -1;
        }
    }
    int result;
    Py_BEGIN_CRITICAL_SECTION(self);
    result = enter(self);
    if (result == 0) {
        drop_buffers(self);
        Py_CLEAR(self->retry);
        Py_SETREF(self->last_event_id, last_event_id);
        Py_XSETREF(self->done, done);
        self->limit = limit;
        self->mark = 0;
        self->after_cr = self->closed = self->broken = self->incomplete = 0;
        self->busy = 0;
    }
    Py_END_CRITICAL_SECTION();
    if (result < 0) {
        Py_DECREF(last_event_id);
        Py_XDECREF(done);
    }
    return result;
}

/* The type is all that could be part of a cycle; it has its own way to break one. */
static int
parser_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
parser_dealloc(Parser *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    drop_buffers(self);
    Py_CLEAR(self->last_event_id);
    Py_CLEAR(self->done);
    Py_CLEAR(self->retry);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
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

static PyMethodDef parser_methods[] = {
    {"feed", (PyCFunction)(void (*)(void))parser_feed,
     METH_METHOD | METH_FASTCALL | METH_KEYWORDS, feed_doc},
    {"close", (PyCFunction)(void (*)(void))parser_close,
     METH_METHOD | METH_FASTCALL | METH_KEYWORDS, close_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef parser_properties[] = {
    {"last_event_id", (getter)get_last_event_id, NULL,
     "The last event ID string, as committed by the last blank line.", NULL},
    {"retry", (getter)get_retry, NULL,
     "The reconnection time in milliseconds, or None until the stream sets it.", NULL},
    {"incomplete", (getter)get_incomplete, NULL,
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

/* A name of a module beside this one, wherever the package was copied to. */
static PyObject *
import_beside(PyObject *module, const char *beside, const char *name)
{
    PyObject *result = NULL;
    PyObject *names = Py_BuildValue("(s)", name);
    PyObject *found = NULL;
    if (names != NULL) {
        found = PyImport_ImportModuleLevel(beside, PyModule_GetDict(module), NULL, names, 1);
        Py_DECREF(names);
    }
    if (found != NULL) {
        result = PyObject_GetAttrString(found, name);
        Py_DECREF(found);
    }
    return result;
}

/* A class whose instances are nothing but that many slots, all of which we shall write. */
static PyTypeObject *
import_item(PyObject *module, const char *name, Py_ssize_t slots)
{
    PyObject *found = import_beside(module, "items", name);
    if (found == NULL) {
        return NULL;
    }
    PyTypeObject *type = (PyTypeObject *)found;
    if (!PyType_Check(found) || !PyType_IS_GC(type) || type->tp_itemsize != 0
        || type->tp_free != PyObject_GC_Del || type->tp_dictoffset != 0
        || type->tp_weaklistoffset != 0
        || type->tp_basicsize != (Py_ssize_t)(sizeof(PyObject) + (size_t)slots * sizeof(PyObject *)))
    {
        PyErr_Format(PyExc_ImportError, "%s is not laid out as this module expects", name);
        Py_DECREF(found);
        return NULL;
    }
    return type;
}

/* The offset of a slot; the class' own descriptor knows it. */
static int
find_slot(PyTypeObject *type, const char *name, Py_ssize_t *offset)
{
    PyObject *found = PyObject_GetAttrString((PyObject *)type, name);
    if (found == NULL) {
        return -1;
    }
    int result = -1;
    if (Py_IS_TYPE(found, &PyMemberDescr_Type) && PyDescr_TYPE(found) == type) {
        PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
        if (member->type == T_OBJECT_EX) {
            *offset = member->offset;
            result = 0;
        }
    }
    if (result < 0) {
        PyErr_Format(PyExc_ImportError, "%s is not a slot of its class", name);
    }
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
    {
        return -1;
    }
    PyObject *type = PyType_FromModuleAndSpec(module, &parser_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    PyObject *name = PyModule_GetNameObject(module);
    int result = name == NULL ? -1 : PyObject_SetAttrString(type, "__module__", name);
    Py_XDECREF(name);
    if (result == 0) {
        result = PyModule_AddType(module, (PyTypeObject *)type);
    }
    Py_DECREF(type);
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

/* There is no m_clear: a parser that outlives the module's dictionary still needs these, and
   every cycle through them goes through a dictionary too. */
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
