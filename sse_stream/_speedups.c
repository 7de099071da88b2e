/* SPDX-License-Identifier: MIT
 *
 * The types of items.py and the Parser of parser.py, compiled (as PEP 399 describes).
 *
 * items.py and parser.py are the reference: results, errors and docstrings here are the same,
 * and the tests run with both forms. Only three parts have no counterpart there: the buffers
 * (section "bytes"), the checks of calls, and the creation of the types and the module.
 * How bytes are buffered:
 *
 * - A line that is complete in one chunk is not copied: its value stays in the chunk and is
 *   decoded from there. The values of a block that is not complete are copied at the end of
 *   the chunk.
 * - A line in progress is collected in its own memory. When it is complete, its value takes over
 *   that memory, so that a large value is in memory only once.
 *
 * During a call no Python code runs, except for the garbage collector (before 3.12) and the
 * errors that end the call; see enter().
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

/* A buffer above this size is freed when its value is no longer needed. A parser has four. */
#define KEPT_CAPACITY 4096
/* A full buffer of at least this size grows by a quarter, not to twice its size; that much unused
   memory is freed before a value is decoded. */
#define LARGE 65536
/* Events often repeat the type; one of at most this size is not decoded again. */
#define KEPT_TYPE 64
/* Longer text is passed to Python's own decoder directly. */
#define SHORT_TEXT 1024
/* How many bytes of ignored lines are kept. */
#define TAIL_SIZE 200
/* How many spaces around the data of DONE are allowed. */
#define DONE_SPACES 16

static const char BOM[] = "\xef\xbb\xbf";

/* Only objects, so that the module can visit and release all in the same way. It does not visit
   those from `message` on, which cannot be part of a cycle with it. So the garbage collector,
   which may clear Python functions before the last call of a parser, does not clear those of
   errors.py. */
typedef struct {
    PyObject *event_type, *block_type, *comment_type, *ignored_type, *done;
    PyObject *message, *empty, *too_large_error, *closed_error, *check_text, *check_limit;
    PyObject *as_bytes;
} State;

#define VISITED (offsetof(State, message) / sizeof(PyObject *))

/* --- arguments --------------------------------------------------------------------- */

#define MAX_ARGUMENTS 5

/* How a type is called: its arguments in their order, how many of them can be passed by position,
   and how many are required. */
typedef struct {
    const char *name;
    int positional, required;
    const char *arguments[MAX_ARGUMENTS + 1];
} Signature;

/* The number of the argument with that name, or of the NULL after the last one. */
static int find_argument(const Signature *call, PyObject *name) {
    int number = 0;
    while (call->arguments[number] != NULL
           && !(PyUnicode_Check(name)
                && PyUnicode_CompareWithASCIIString(name, call->arguments[number]) == 0))
        number++;
    return number;
}

/* Store new references to the arguments that were passed; the values of the others stay NULL.
   PyArg_ParseTupleAndKeywords() is not used, since it borrows from a dictionary that other code
   may change, and runs the methods of its keys. */
static int read_arguments(const Signature *call, PyObject *args, PyObject *names,
                          PyObject **values) {
    Py_ssize_t count = PyTuple_GET_SIZE(args), at = 0;
    PyObject *name, *value, *wrong = NULL;
    int number = 0;
    bool whole = count <= call->positional;
    for (int i = 0; whole && i < count; i++) values[i] = Py_NewRef(PyTuple_GET_ITEM(args, i));
    if (whole && names != NULL) {
        Py_BEGIN_CRITICAL_SECTION(names);
        while (wrong == NULL && PyDict_Next(names, &at, &name, &value)) {
            number = find_argument(call, name);
            if (call->arguments[number] == NULL || values[number] != NULL) wrong = Py_NewRef(name);
            else values[number] = Py_NewRef(value);
        }
        Py_END_CRITICAL_SECTION();
    }
    if (!whole) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments, not %zd",
                     call->name, call->positional, count);
    }
    else if (wrong != NULL) {
        const char *problem = call->arguments[number] != NULL ? "multiple values for the"
                                                              : "an unexpected";
        PyErr_Format(PyExc_TypeError, "%s() got %s argument %R", call->name, problem, wrong);
        Py_DECREF(wrong);
    }
    else {
        for (number = 0; number < call->required && values[number] != NULL;) number++;
        if (number == call->required) return 0;
        PyErr_Format(PyExc_TypeError, "%s() needs the argument '%s'", call->name,
                     call->arguments[number]);
    }
    for (int i = 0; call->arguments[i] != NULL; i++) Py_CLEAR(values[i]);
    return -1;
}

/* --- items ------------------------------------------------------------------------- */

/* An item of any type: the members that its type does not have are NULL. Members are written
   once, before other code gets the item. All methods are inherited from the base of the pure
   type in items.py. */
typedef struct {
    PyObject_HEAD
    PyObject *members[4];
} Item;

/* Make an item of these members, and take over the references to them; NULL if one is NULL.
   It is not tracked by the garbage collector. */
static inline PyObject *make_item(PyTypeObject *type, int count, PyObject **members) {
    bool whole = true;
    for (int i = 0; i < count; i++) whole = whole && members[i] != NULL;
    Item *item = whole ? PyObject_GC_New(Item, type) : NULL;
    if (item == NULL) {
        for (int i = 0; i < count; i++) Py_XDECREF(members[i]);
        return NULL;
    }
    for (int i = 0; i < 4; i++) item->members[i] = i < count ? members[i] : NULL;
    return (PyObject *)item;
}

/* The same for members that may be any objects. */
static PyObject *new_item(PyTypeObject *type, int count, PyObject **members) {
    PyObject *item = make_item(type, count, members);
    if (item != NULL) PyObject_GC_Track(item);
    return item;
}

static PyObject *event_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static const Signature SIGNATURE = {"Event", 4, 0, {"event", "data", "id", "retry"}};
    PyObject *members[4] = {NULL};
    if (read_arguments(&SIGNATURE, args, names, members) < 0) return NULL;
    /* The defaults are not those of the module, which the type may have lost; see parser_new(). */
    if (members[0] == NULL) members[0] = PyUnicode_InternFromString("message");
    if (members[1] == NULL) members[1] = PyUnicode_New(0, 0);
    if (members[2] == NULL) members[2] = PyUnicode_New(0, 0);
    if (members[3] == NULL) members[3] = Py_NewRef(Py_None);
    return new_item(type, 4, members);
}

static PyObject *block_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static const Signature SIGNATURE = {"Block", 4, 0, {"event", "data", "id", "retry"}};
    PyObject *members[4] = {NULL};
    if (read_arguments(&SIGNATURE, args, names, members) < 0) return NULL;
    for (int i = 0; i < 4; i++) {
        if (members[i] == NULL) members[i] = Py_NewRef(Py_None);
    }
    return new_item(type, 4, members);
}

static PyObject *comment_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static const Signature SIGNATURE = {"Comment", 1, 1, {"text"}};
    PyObject *text = NULL;
    if (read_arguments(&SIGNATURE, args, names, &text) < 0) return NULL;
    return new_item(type, 1, &text);
}

static PyObject *ignored_new(PyTypeObject *type, PyObject *args, PyObject *names) {
    static const Signature SIGNATURE = {"Ignored", 1, 1, {"line"}};
    PyObject *line = NULL;
    if (read_arguments(&SIGNATURE, args, names, &line) < 0) return NULL;
    return new_item(type, 1, &line);
}

static int item_traverse(PyObject *object, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(object));
    for (int i = 0; i < 4; i++) Py_VISIT(((Item *)object)->members[i]);
    return 0;
}

static void free_item(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    for (int i = 0; i < 4; i++) Py_CLEAR(((Item *)object)->members[i]);
    type->tp_free(object);
    Py_DECREF(type);
}

/* There is no tp_clear: as with a tuple, every cycle through an item contains a mutable object,
   whose tp_clear breaks the cycle. */
static void item_dealloc(PyObject *object) {
    if (!PyObject_GC_IsTracked(object)) {
        free_item(object);
        return;
    }
    PyObject_GC_UnTrack(object);
    /* Items that are members of items, nested to any depth, must not overflow the stack. */
    Py_TRASHCAN_BEGIN(object, item_dealloc)
    free_item(object);
    Py_TRASHCAN_END
}

#define MEMBER(name, number, doc) \
    {name, T_OBJECT_EX, offsetof(Item, members) + number * sizeof(PyObject *), READONLY, doc}

static PyMemberDef event_members[] = {
    MEMBER("event", 0, "The event type; ``message`` unless the block named another."),
    MEMBER("data", 1, "The values of the block's data fields, joined by newlines."),
    MEMBER("id", 2, "The last event ID string when the event was dispatched."),
    MEMBER("retry", 3, "The reconnection time that this block set, in milliseconds, or None."),
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef block_members[] = {
    MEMBER("event", 0, "The value of the last event field, or None."),
    MEMBER("data", 1, "The values of the data fields, joined by newlines, or None."),
    MEMBER("id", 2, "The value of the last id field, or None."),
    MEMBER("retry", 3, "The value of the last retry field, in milliseconds, or None."),
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef comment_members[] = {
    MEMBER("text", 0, "The line, decoded, without its colon and one space after it."),
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef ignored_members[] = {
    MEMBER("line", 0, "The line, decoded, without its line end."),
    {NULL, 0, 0, 0, NULL},
};

#define ITEM_SLOTS(signature, new, members) \
    {Py_tp_doc, (void *)signature}, {Py_tp_new, (void *)new}, {Py_tp_members, members}, \
    {Py_tp_traverse, (void *)item_traverse}, {Py_tp_dealloc, (void *)item_dealloc}

static PyType_Slot event_slots[] = {
    ITEM_SLOTS("Event(event='message', data='', id='', retry=None)\n--\n\n", event_new,
               event_members),
    {0, NULL},
};

static PyType_Slot block_slots[] = {
    ITEM_SLOTS("Block(event=None, data=None, id=None, retry=None)\n--\n\n", block_new,
               block_members),
    {0, NULL},
};

static PyType_Slot comment_slots[] = {
    ITEM_SLOTS("Comment(text)\n--\n\n", comment_new, comment_members),
    {0, NULL},
};

static PyType_Slot ignored_slots[] = {
    ITEM_SLOTS("Ignored(line)\n--\n\n", ignored_new, ignored_members),
    {0, NULL},
};

/* Without Py_TPFLAGS_BASETYPE: the types are final. */
#define SPEC(type_name, size, type_slots) \
    { \
        .name = type_name, .basicsize = size, \
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, .slots = type_slots, \
    }

static PyType_Spec event_spec = SPEC("sse_stream.items.Event", sizeof(Item), event_slots);
static PyType_Spec block_spec = SPEC("sse_stream.items.Block", sizeof(Item), block_slots);
static PyType_Spec comment_spec = SPEC("sse_stream.items.Comment", sizeof(Item), comment_slots);
static PyType_Spec ignored_spec = SPEC("sse_stream.items.Ignored", sizeof(Item), ignored_slots);

/* --- bytes ------------------------------------------------------------------------- */

typedef struct {
    const char *at;
    Py_ssize_t size;
} Span;

/* A line in progress, or the value of a field: bytes in the chunk being processed, or in memory
   of its own, where the name of the field may precede the value. */
typedef struct {
    const char *at; /* NULL: there is none */
    Py_ssize_t size;
    char *memory; /* its own, perhaps unused; or NULL */
    Py_ssize_t capacity;
    bool in_chunk;
} Value;

/* reserve() if there is not enough room. */
static int grow(Value *value, Py_ssize_t more) {
    bool own = value->at != NULL && !value->in_chunk;
    Py_ssize_t used = value->size + (own ? value->at - value->memory : 0);
    if (value->memory == NULL || more > value->capacity - used) {
        char *memory = NULL;
        Py_ssize_t capacity = 0;
        if (more < PY_SSIZE_T_MAX / 4 - used) {
            /* Grows geometrically: linear time for any chunk boundaries. */
            Py_ssize_t growth = used < LARGE ? used : used / 4;
            capacity = used + (more > growth ? more : growth);
            if (capacity < 256) capacity = 256;
            memory = PyMem_Realloc(value->memory, (size_t)capacity);
        }
        if (memory == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (own) value->at = memory + (used - value->size);
        value->memory = memory;
        value->capacity = capacity;
    }
    if (!own) {
        if (value->size > 0) memcpy(value->memory, value->at, (size_t)value->size);
        value->at = value->memory;
        value->in_chunk = false;
    }
    return 0;
}

/* Make room for that many bytes after the value, which is then in its own memory. */
static inline int reserve(Value *value, Py_ssize_t more) {
    if (value->at != NULL && !value->in_chunk
        && more <= value->memory + value->capacity - value->at - value->size) return 0;
    return grow(value, more);
}

/* Add bytes for which there is room. */
static inline void add(Value *value, Span more) {
    memcpy(value->memory + (value->at - value->memory) + value->size, more.at, (size_t)more.size);
    value->size += more.size;
}

static int extend(Value *value, Span more) {
    if (reserve(value, more.size) < 0) return -1;
    add(value, more);
    return 0;
}

static void free_value(Value *value) {
    PyMem_Free(value->memory);
    memset(value, 0, sizeof(*value));
}

static inline void clear_value(Value *value) {
    if (value->capacity > KEPT_CAPACITY) {
        free_value(value);
        return;
    }
    value->at = NULL;
    value->size = 0;
    value->in_chunk = false;
}

/* Free the unused memory of a large value, before its text needs memory too. */
static void give_back_surplus(Value *value) {
    Py_ssize_t used = value->at - value->memory + value->size;
    if (value->capacity - used < LARGE) return;
    char *memory = PyMem_Realloc(value->memory, (size_t)used);
    if (memory == NULL) return;
    value->at = memory + (used - value->size);
    value->memory = memory;
    value->capacity = used;
}

static PyObject *decode(Span text) {
    /* Faster than the decoder for short ASCII text: this saves 5 % of the time for an event. */
    unsigned char all = 0;
    Py_ssize_t size = text.size <= SHORT_TEXT ? text.size : 0;
    for (Py_ssize_t i = 0; i < size; i++) all |= (unsigned char)text.at[i];
    if (size < 2 || all >= 0x80) return PyUnicode_DecodeUTF8(text.at, text.size, "replace");
    PyObject *ascii = PyUnicode_New(size, 0x7f);
    if (ascii != NULL) memcpy(PyUnicode_1BYTE_DATA(ascii), text.at, (size_t)size);
    return ascii;
}

/* Decode a value and clear it. */
static PyObject *take_text(Value *value) {
    if (!value->in_chunk) give_back_surplus(value);
    PyObject *text = decode((Span){value->at, value->size});
    clear_value(value);
    return text;
}

/* --- the parser: state ------------------------------------------------------------- */

/* What a parser has seen of the lines so far. */
typedef struct {
    bool in_line, recognised;
    int tail_size;
    char tail[TAIL_SIZE]; /* the start of the ignored lines at the end */
} Seen;

/* All objects in it, except the module, are of the exact types str and int, so they are in no
   cycle. */
typedef struct {
    PyObject_HEAD
    PyObject *module; /* keeps the state alive */
    State *state;
    PyObject *last_event_id;
    PyObject *done; /* NULL: off */
    Py_ssize_t limit;
    Py_ssize_t ignored;
    Value line; /* the line in progress */
    /* The fields of the block in progress, as received. */
    Value data, type, id;
    PyObject *block_retry; /* NULL: this block has no retry field */
    PyObject *retry;       /* NULL: never set */
    PyObject *known_type;  /* the last short type, decoded, or NULL */
    int bom;               /* bytes that may begin a byte order mark; -1 once decided */
    Seen seen;             /* of complete lines; once it is closed, of the line in progress too */
    bool report_ignored, blocks;
    bool after_cr; /* whether an LF that comes next belongs to the CR before it */
    bool failed, closed, incomplete;
    bool busy; /* whether a call is going on */
    bool lost; /* whether a chunk could not be copied while a call was going on */
} Parser;

static void clear(Parser *self) {
    free_value(&self->line);
    free_value(&self->data);
    free_value(&self->type);
    free_value(&self->id);
    Py_CLEAR(self->block_retry);
    Py_CLEAR(self->known_type);
    self->after_cr = false;
}

static Seen end_state(const Parser *self);

static void close_parser(Parser *self, bool incomplete) {
    if (self->closed) return;
    self->seen = end_state(self);
    clear(self);
    self->closed = true;
    self->incomplete = incomplete;
    self->bom = -1;
}

static void fail(Parser *self) {
    clear(self); /* the line that is too large is forgotten */
    close_parser(self, true);
    self->failed = true;
}

static int check_open(Parser *self) {
    State *state = self->state;
    PyObject *kind = self->failed ? state->too_large_error : state->closed_error;
    if (!self->closed) return 0;
    PyObject *error = self->failed
        ? PyObject_CallFunction(kind, "nO", self->limit, self->last_event_id)
        : PyObject_CallNoArgs(kind);
    if (error != NULL) PyErr_SetObject(kind, error);
    Py_XDECREF(error);
    return -1;
}

/* How many bytes of the block count for the limit: data with its newlines, type, ID. */
static inline Py_ssize_t retained(const Parser *self) {
    Py_ssize_t data = self->data.at != NULL ? self->data.size + 1 : 0;
    return data + self->type.size + self->id.size;
}

/* --- the parser: rules (9.2.6) ----------------------------------------------------- */

/* Add an item of these members, and take over the references to them. Strings and integers make
   no cycle, so the item is not tracked and costs the garbage collector nothing. */
static int append_item(PyObject *items, PyObject *type, int count, PyObject **members) {
    PyObject *item = make_item((PyTypeObject *)type, count, members);
    if (item == NULL) return -1;
    int result = PyList_Append(items, item);
    Py_DECREF(item);
    return result;
}

/* Whether the text, without up to 16 spaces around it, equals ``done``; -1 with an error. */
static int is_done(Parser *self, PyObject *text) {
    if (self->done == NULL) return 0;
    Py_ssize_t size = PyUnicode_GET_LENGTH(text), done_size = PyUnicode_GET_LENGTH(self->done);
    if (size < done_size || size - done_size > DONE_SPACES) return 0;
    Py_ssize_t found = PyUnicode_Find(text, self->done, 0, size, 1);
    if (found < 0) return found == -1 ? 0 : -1;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (i == found) i += done_size;
        if (i < size && PyUnicode_READ_CHAR(text, i) != ' ') return 0;
    }
    return 1;
}

/* The type of the block that is dispatched, or ``empty`` if that is empty; a new reference. */
static PyObject *take_type(Parser *self, PyObject *empty) {
    Value *type = &self->type;
    PyObject *known = self->known_type;
    if (type->size == 0) return Py_NewRef(empty);
    if (known != NULL && PyUnicode_IS_ASCII(known) && PyUnicode_GET_LENGTH(known) == type->size
        && memcmp(PyUnicode_1BYTE_DATA(known), type->at, (size_t)type->size) == 0)
        return Py_NewRef(known);
    bool is_short = type->size <= KEPT_TYPE;
    PyObject *text = take_text(type);
    if (is_short && text != NULL) Py_XSETREF(self->known_type, Py_NewRef(text));
    return text;
}

/* Add an Event, or a Block, with these data, and take over the reference to them. */
static int append_event(Parser *self, PyObject *items, PyObject *data, bool has_id) {
    State *state = self->state;
    PyObject *kind = state->event_type, *no_type = state->message, *id = self->last_event_id;
    if (self->blocks) {
        kind = state->block_type;
        no_type = self->type.at != NULL ? state->empty : Py_None;
        if (!has_id) id = Py_None;
    }
    PyObject *retry = self->block_retry != NULL ? self->block_retry : Py_None;
    PyObject *members[] = {take_type(self, no_type), data, Py_NewRef(id), Py_NewRef(retry)};
    return append_item(items, kind, 4, members);
}

/* The line is blank. */
static int dispatch_event(Parser *self, PyObject *items) {
    bool has_id = self->id.at != NULL;
    int result = 0;
    if (has_id) {
        PyObject *id = take_text(&self->id);
        if (id == NULL) return -1;
        Py_SETREF(self->last_event_id, id);
    }
    if (self->data.at != NULL) {
        PyObject *data = take_text(&self->data);
        int done = data != NULL ? is_done(self, data) : -1;
        if (done == 0) result = append_event(self, items, data, has_id);
        else {
            Py_XDECREF(data);
            result = done < 0 ? -1 : PyList_Append(items, self->state->done);
        }
    }
    else if (self->blocks && (has_id || self->type.at != NULL || self->block_retry != NULL)) {
        result = append_event(self, items, Py_NewRef(Py_None), has_id);
    }
    if (result < 0) return -1;
    clear_value(&self->type);
    Py_CLEAR(self->block_retry);
    return 0;
}

/* Split a line into the name of its field, whose size is returned, and its value without one
   leading space. */
static inline Py_ssize_t split_field(Span line, Span *value) {
    /* No known name is longer than five bytes. */
    Py_ssize_t name_size = 0;
    while (name_size < line.size && name_size < 6 && line.at[name_size] != ':') name_size++;
    Py_ssize_t start = name_size < line.size ? name_size + 1 : name_size;
    if (start < line.size && line.at[start] == ' ') start++;
    value->at = line.at + start;
    value->size = line.size - start;
    return name_size;
}

/* Replace the value of a field. A value from the line in progress takes over its memory. */
static void set_value(Parser *self, Value *field, Span value, bool in_chunk) {
    clear_value(field);
    if (!in_chunk) {
        Value line = self->line;
        self->line = *field;
        *field = line;
    }
    field->at = value.at;
    field->size = value.size;
    field->in_chunk = in_chunk;
}

/* Set the reconnection time: 1 if it is ASCII digits below 2**64, else 0; -1 with an error. */
static int set_retry(Parser *self, Span value) {
    uint64_t number = 0;
    if (value.size == 0) return 0;
    for (Py_ssize_t i = 0; i < value.size; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') return 0;
        uint64_t digit = (uint64_t)(value.at[i] - '0');
        if (number > (UINT64_MAX - digit) / 10) return 0;
        number = number * 10 + digit;
    }
    PyObject *retry = PyLong_FromUnsignedLongLong(number);
    if (retry == NULL) return -1;
    Py_XSETREF(self->block_retry, Py_NewRef(retry));
    Py_XSETREF(self->retry, retry);
    return 1;
}

/* Add bytes to the ignored lines, as far as there is room. */
static void add_to_tail(Seen *seen, Span more) {
    int left = TAIL_SIZE - seen->tail_size, size = more.size < left ? (int)more.size : left;
    memcpy(seen->tail + seen->tail_size, more.at, (size_t)size);
    seen->tail_size += size;
}

/* Process a line that is not blank; it is in the chunk, or it is the line in progress. */
static int process_field(Parser *self, PyObject *items, Span line, bool in_chunk) {
    Span value;
    Py_ssize_t name_size = split_field(line, &value);
    bool is_data = name_size == 4 && memcmp(line.at, "data", 4) == 0;
    bool is_id = name_size == 2 && memcmp(line.at, "id", 2) == 0;
    bool is_retry = name_size == 5 && memcmp(line.at, "retry", 5) == 0;
    int set = 0;
    if (is_data) {
        if (self->data.at == NULL) set_value(self, &self->data, value, in_chunk);
        else if (reserve(&self->data, value.size + 1) < 0) return -1;
        else {
            add(&self->data, (Span){"\n", 1});
            add(&self->data, value);
        }
    }
    else if (name_size == 5 && memcmp(line.at, "event", 5) == 0) {
        set_value(self, &self->type, value, in_chunk);
    }
    else if (name_size == 0) {
        PyObject *text = decode(value);
        if (append_item(items, self->state->comment_type, 1, &text) < 0) return -1;
        if (self->ignored == 0) self->seen.recognised = true;
        return 0;
    }
    else if (is_id && memchr(value.at, '\0', (size_t)value.size) == NULL) {
        set_value(self, &self->id, value, in_chunk);
    }
    else if (!is_retry || (set = set_retry(self, value)) == 0) {
        self->ignored++;
        if (self->report_ignored) {
            PyObject *text = decode(line);
            if (append_item(items, self->state->ignored_type, 1, &text) < 0) return -1;
        }
        if (!is_id && !is_retry) {
            add_to_tail(&self->seen, line);
            add_to_tail(&self->seen, (Span){"\n", 1});
            return 0;
        }
    }
    if (set < 0) return -1;
    self->seen.recognised = true;
    self->seen.tail_size = 0;
    return 0;
}

/* Copy the values that are still in the chunk: the chunk ends here. */
static int keep_values(Parser *self) {
    if (self->data.in_chunk && reserve(&self->data, 0) < 0) return -1;
    if (self->type.in_chunk && reserve(&self->type, 0) < 0) return -1;
    if (self->id.in_chunk && reserve(&self->id, 0) < 0) return -1;
    return 0;
}

static inline const char *find(const char *from, const char *end, char byte) {
    const char *found = *from == byte ? from : memchr(from, byte, (size_t)(end - from));
    return found != NULL ? found : end;
}

static int process_chunk(Parser *self, PyObject *items, Span data);

/* Remove the leading byte order mark from the data, also if it is split. */
static int remove_bom(Parser *self, PyObject *items, Span *data) {
    int held = self->bom, same = 0;
    while (held + same < 3 && same < data->size && data->at[same] == BOM[held + same]) same++;
    if (held + same < 3 && same == data->size) {
        self->bom += same;
        data->size = 0;
        return 0;
    }
    self->bom = -1;
    if (held + same == 3) {
        data->at += same;
        data->size -= same;
        return 0;
    }
    /* The buffered bytes are content. */
    return held > 0 ? process_chunk(self, items, (Span){BOM, held}) : 0;
}

/* Process bytes by the rules of the standard; add the items that they complete. */
static int process_chunk(Parser *self, PyObject *items, Span data) {
    if (self->bom >= 0 && remove_bom(self, items, &data) < 0) return -1;
    if (self->after_cr && data.size > 0) {
        self->after_cr = false;
        if (*data.at == '\n') {
            data.at++;
            data.size--;
        }
    }
    if (data.size == 0 || self->closed) return 0;

    /* Lines end at CR, LF or CRLF. The next LF and the next CR are searched again only after
       they have been passed, so each byte is searched at most once for each of them. */
    const char *at = data.at, *end = at + data.size;
    const char *lf = find(at, end, '\n'), *cr = find(at, end, '\r');
    while (at < end) {
        if (lf < at) lf = find(at, end, '\n');
        if (cr < at) cr = find(at, end, '\r');
        const char *line_end = lf < cr ? lf : cr;
        Span line = {at, line_end - at};
        if (line.size > self->limit - retained(self) - self->line.size) {
            fail(self);
            return 0;
        }
        bool in_chunk = self->line.size == 0;
        if (line_end == end) {
            if (extend(&self->line, line) < 0) return -1;
            break;
        }
        if (!in_chunk) {
            if (extend(&self->line, line) < 0) return -1;
            give_back_surplus(&self->line);
            line.at = self->line.at;
            line.size = self->line.size;
        }
        if (line.size == 0 ? dispatch_event(self, items) < 0
                           : process_field(self, items, line, in_chunk) < 0)
            return -1;
        if (!in_chunk) clear_value(&self->line);
        at = line_end + 1;
        if (line_end == cr) {
            if (at == end) self->after_cr = true;
            else if (*at == '\n') at++;
        }
    }
    return keep_values(self);
}

/* Whether the block in progress would be DONE if it ended now, in constant time; -1 with an
   error. */
static int ends_with_done(Parser *self) {
    if (self->done == NULL) return 0;
    Span text = {self->data.at, self->data.size}, line = {self->line.at, self->line.size}, value;
    if (line.size >= 4 && split_field(line, &value) == 4 && memcmp(line.at, "data", 4) == 0) {
        /* ``done`` has no newline. */
        if (text.at != NULL) return 0;
        text = value;
    }
    /* A character has at most four bytes: longer data cannot be equal to ``done``. */
    if (text.at == NULL || text.size / 4 > PyUnicode_GET_LENGTH(self->done) + DONE_SPACES)
        return 0;
    PyObject *decoded = decode(text);
    int result = decoded != NULL ? is_done(self, decoded) : -1;
    Py_XDECREF(decoded);
    return result;
}

/* Whether bytes would be lost if the stream ended now; -1 with an error. */
static int is_incomplete(Parser *self) {
    if (self->closed) return self->incomplete;
    if (self->line.size == 0 && self->bom <= 0 && self->data.at == NULL && self->type.at == NULL
        && self->id.at == NULL)
        return 0;
    int done = ends_with_done(self);
    return done < 0 ? -1 : !done;
}

/* What it has seen with the line in progress. */
static Seen end_state(const Parser *self) {
    static const Span NAMES[] = {{"data", 4}, {"event", 5}, {"id", 2}, {"retry", 5}};
    Seen seen = self->seen;
    if (self->closed) return seen;
    Span line = {self->line.at, self->line.size}, value;
    seen.in_line = line.size > 0 || self->bom > 0;
    if (line.size == 0) return seen;
    Py_ssize_t name_size = split_field(line, &value);
    if (name_size == 0) return seen;
    for (int i = 0; i < 4; i++) {
        if (name_size > NAMES[i].size || memcmp(line.at, NAMES[i].at, (size_t)name_size) != 0)
            continue;
        /* It may become this name. */
        if (name_size == line.size) return seen;
        if (name_size == NAMES[i].size) {
            seen.recognised = true;
            seen.tail_size = 0;
            return seen;
        }
    }
    add_to_tail(&seen, line);
    return seen;
}

/* --- the parser: calls ------------------------------------------------------------- */

static PyObject *feed(Parser *self, Span data) {
    if (check_open(self) < 0) return NULL;
    PyObject *items = PyList_New(0);
    if (items == NULL || process_chunk(self, items, data) < 0) {
        /* The call failed: what is buffered must not become part of a later event. */
        Py_XDECREF(items);
        close_parser(self, true);
        return NULL;
    }
    if (self->failed && PyList_GET_SIZE(items) == 0) {
        Py_DECREF(items);
        check_open(self);
        return NULL;
    }
    return items;
}

static PyObject *end_stream(Parser *self, bool flush) {
    if (check_open(self) < 0) return NULL;
    int held = self->bom, result, incomplete = 1;
    Seen seen = end_state(self);
    PyObject *items = PyList_New(0);
    self->bom = -1;
    result = items != NULL ? 0 : -1;
    /* Too few bytes for a byte order mark: they are content. */
    if (result == 0 && held > 0) result = process_chunk(self, items, (Span){BOM, held});
    if (result == 0 && flush && !self->closed) {
        /* The first LF ends the line in progress, if there is one. */
        result = process_chunk(self, items, (Span){"\n\n", 2});
    }
    else if (result == 0 && !self->closed && (result = ends_with_done(self)) > 0) {
        result = PyList_Append(items, self->state->done);
    }
    if (result == 0) result = incomplete = is_incomplete(self);
    close_parser(self, incomplete != 0);
    self->seen = seen;
    if (result >= 0 && !self->failed) return items;
    Py_XDECREF(items);
    if (result >= 0) check_open(self);
    return NULL;
}

/* An allocation may run the garbage collector, which may run any code. Until a call has ended,
   every other call raises RuntimeError. */
static int enter(Parser *self) {
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the parser is in the middle of a call: one thread at a time");
        return -1;
    }
    self->busy = true;
    return 0;
}

static void leave(Parser *self) {
    self->busy = false;
    if (self->lost) {
        close_parser(self, true);
        self->incomplete = true;
    }
}

/* Call feed(), or end_stream() if there is no data. */
static PyObject *call(Parser *self, const Span *data, bool flush) {
    PyObject *items = NULL;
    Py_BEGIN_CRITICAL_SECTION(self);
    if (enter(self) == 0) {
        items = data != NULL ? feed(self, *data) : end_stream(self, flush);
        leave(self);
    }
    Py_END_CRITICAL_SECTION();
    return items;
}

/* The result of a function of errors.py, if it has exactly that type. */
static PyObject *checked(PyObject *result, PyTypeObject *type) {
    if (result != NULL && !Py_IS_TYPE(result, type)) {
        PyErr_SetString(PyExc_TypeError, "a function of errors.py was replaced");
        Py_CLEAR(result);
    }
    return result;
}

/* The bytes of an object. They are copied: another thread or process could write to its memory
   while it is parsed. */
static PyObject *copy_chunk(Parser *self, PyObject *chunk) {
    bool refused;
    Py_BEGIN_CRITICAL_SECTION(self);
    refused = check_open(self) < 0;
    Py_END_CRITICAL_SECTION();
    if (refused) return NULL;
    PyObject *bytes = checked(PyObject_CallOneArg(self->state->as_bytes, chunk), &PyBytes_Type);
    /* A refused object changes nothing. If the bytes could not be copied, they are missing. */
    if (bytes == NULL && !PyErr_ExceptionMatches(PyExc_TypeError)) {
        Py_BEGIN_CRITICAL_SECTION(self);
        if (self->busy) self->lost = true;
        else close_parser(self, true);
        Py_END_CRITICAL_SECTION();
    }
    return bytes;
}

PyDoc_STRVAR(feed_doc,
"feed($self, /, data)\n--\n\n"
"Process the next chunk, which may end anywhere; return the items that it completes.\n"
"\n"
"Raises TypeError for text, which changes nothing; EventTooLargeError at the limit and on\n"
"every later call; ParserClosedError after close().");

static PyObject *parser_feed(PyObject *object, PyObject *const *args, Py_ssize_t count,
                             PyObject *names) {
    Parser *self = (Parser *)object;
    Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    if (count + named != 1
        || (named == 1
            && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "data") != 0)) {
        PyErr_SetString(PyExc_TypeError, "feed() takes exactly one argument, data");
        return NULL;
    }
    PyObject *bytes = PyBytes_CheckExact(args[0]) ? Py_NewRef(args[0]) : copy_chunk(self, args[0]);
    if (bytes == NULL) return NULL;
    Span data = {PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes)};
    PyObject *items = call(self, &data, false);
    Py_DECREF(bytes);
    return items;
}

PyDoc_STRVAR(close_doc,
"close($self, /, *, flush=False)\n--\n\n"
"End the stream; return the items that its end completes.\n"
"\n"
"An unfinished block is discarded (9.2.6), unless it is DONE. ``flush``: treat the end as\n"
"the missing blank line. Raises EventTooLargeError and ParserClosedError as feed() does.");

static PyObject *parser_close(PyObject *self, PyObject *const *args, Py_ssize_t count,
                              PyObject *names) {
    Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    if (count != 0 || named > 1
        || (named == 1
            && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "flush") != 0)) {
        PyErr_SetString(PyExc_TypeError, "close() takes one argument, flush, by its name only");
        return NULL;
    }
    int flush = named == 1 ? PyObject_IsTrue(args[0]) : 0;
    return flush < 0 ? NULL : call((Parser *)self, NULL, flush != 0);
}

static PyObject *parser_reduce(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused)) {
    PyErr_SetString(PyExc_TypeError,
                    "a parser cannot be copied or pickled: use a new parser for each stream");
    return NULL;
}

enum { LAST_EVENT_ID, RETRY, IGNORED, INCOMPLETE, BLOCKS, IN_LINE, RECOGNISED, IGNORED_TAIL };

static PyObject *get_property(Parser *self, int which) {
    Seen seen;
    int incomplete;
    switch (which) {
    case LAST_EVENT_ID: return Py_NewRef(self->last_event_id);
    case RETRY: return Py_NewRef(self->retry != NULL ? self->retry : Py_None);
    case IGNORED: return PyLong_FromSsize_t(self->ignored);
    case INCOMPLETE:
        incomplete = is_incomplete(self);
        return incomplete < 0 ? NULL : PyBool_FromLong(incomplete);
    case BLOCKS: return PyBool_FromLong(self->blocks);
    default: seen = end_state(self);
    }
    if (which == IN_LINE) return PyBool_FromLong(seen.in_line);
    if (which == RECOGNISED) return PyBool_FromLong(seen.recognised);
    return PyBytes_FromStringAndSize(seen.tail, seen.tail_size);
}

static PyObject *parser_get(PyObject *object, void *which) {
    PyObject *result;
    Py_BEGIN_CRITICAL_SECTION(object);
    result = get_property((Parser *)object, (int)(intptr_t)which);
    Py_END_CRITICAL_SECTION();
    return result;
}

static PyObject *parser_repr(PyObject *object) {
    Parser *self = (Parser *)object;
    const char *state;
    Py_BEGIN_CRITICAL_SECTION(self);
    state = self->failed ? "failed" : self->closed ? "closed" : "open";
    Py_END_CRITICAL_SECTION();
    return PyUnicode_FromFormat("<sse_stream.Parser compiled %s>", state);
}

/* --- the parser: its type ---------------------------------------------------------- */

static int parser_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Parser *)self)->module);
    return 0;
}

/* There is no tp_clear: a parser needs the state of its module as long as it can be called. */
static void parser_dealloc(PyObject *object) {
    Parser *self = (Parser *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject *module = self->module;
    PyObject_GC_UnTrack(object);
    clear(self);
    Py_CLEAR(self->last_event_id);
    Py_CLEAR(self->done);
    Py_CLEAR(self->retry);
    type->tp_free(object);
    Py_DECREF(type);
    Py_XDECREF(module);
}

static PyObject *parser_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                            PyObject *Py_UNUSED(names)) {
    /* Raises if the garbage collector has cleared the type. */
    PyObject *module = PyType_GetModule(type);
    Parser *self = module != NULL ? (Parser *)type->tp_alloc(type, 0) : NULL;
    if (self == NULL) return NULL;
    self->module = Py_NewRef(module);
    self->state = PyModule_GetState(module);
    self->bom = -1;
    self->closed = true; /* until __init__, which the caller of __new__ may not call */
    self->last_event_id = PyUnicode_New(0, 0);
    if (self->last_event_id == NULL) Py_CLEAR(self);
    return (PyObject *)self;
}

/* The limit in bytes, or -1 with an error. */
static Py_ssize_t parse_limit(State *state, PyObject *max_event_size) {
    if (max_event_size == NULL) return 64 * 1024 * 1024;
    /* No memory has PY_SSIZE_T_MAX bytes: this is the same as no limit. */
    if (max_event_size == Py_None) return PY_SSIZE_T_MAX;
    PyObject *number = checked(PyObject_CallOneArg(state->check_limit, max_event_size),
                               &PyLong_Type);
    if (number == NULL) return -1;
    Py_ssize_t limit = PyLong_AsSsize_t(number);
    Py_DECREF(number);
    if (limit == -1 && PyErr_ExceptionMatches(PyExc_OverflowError)) {
        PyErr_Clear();
        limit = PY_SSIZE_T_MAX;
    }
    return limit;
}

/* Whether an argument is true; false if it was not passed; -1 with an error. */
static int parse_bool(PyObject *argument) {
    return argument == NULL ? 0 : PyObject_IsTrue(argument);
}

/* Begin a new stream with checked options. */
static int begin(Parser *self, PyObject *last_event_id, PyObject *done, Py_ssize_t limit,
                 bool report_ignored, bool blocks) {
    if (enter(self) < 0) return -1;
    clear(self);
    Py_CLEAR(self->retry);
    Py_SETREF(self->last_event_id, Py_NewRef(last_event_id));
    Py_XSETREF(self->done, done != Py_None ? Py_NewRef(done) : NULL);
    self->limit = limit;
    self->report_ignored = report_ignored;
    self->blocks = blocks;
    self->ignored = self->bom = 0;
    memset(&self->seen, 0, sizeof(self->seen));
    self->closed = self->failed = self->incomplete = self->busy = self->lost = false;
    return 0;
}

static int parser_init(PyObject *object, PyObject *args, PyObject *names) {
    static const Signature SIGNATURE = {
        "Parser", 0, 0,
        {"last_event_id", "done", "max_event_size", "report_ignored", "blocks"},
    };
    State *state = ((Parser *)object)->state;
    PyObject *values[MAX_ARGUMENTS] = {NULL}, *last_event_id, *done = NULL;
    Py_ssize_t limit = -1;
    int report_ignored = -1, blocks = -1, result = -1;
    if (read_arguments(&SIGNATURE, args, names, values) < 0) return -1;
    last_event_id = values[0] == NULL
        ? PyUnicode_New(0, 0)
        : checked(PyObject_CallFunction(state->check_text, "sOs#", "last_event_id", values[0],
                                        "\0\r\n", (Py_ssize_t)3), &PyUnicode_Type);
    if (last_event_id == NULL) done = NULL;
    else if (values[1] == NULL) done = PyUnicode_FromString("[DONE]");
    else if (values[1] == Py_None) done = Py_NewRef(Py_None);
    else done = checked(PyObject_CallFunction(state->check_text, "sOs", "done", values[1], "\r\n"),
                        &PyUnicode_Type);
    if (done != NULL) limit = parse_limit(state, values[2]);
    if (limit > 0) report_ignored = parse_bool(values[3]);
    if (report_ignored >= 0) blocks = parse_bool(values[4]);
    if (blocks >= 0) {
        Py_BEGIN_CRITICAL_SECTION(object);
        result = begin((Parser *)object, last_event_id, done, limit, report_ignored != 0,
                       blocks != 0);
        Py_END_CRITICAL_SECTION();
    }
    for (int i = 0; i < MAX_ARGUMENTS; i++) Py_XDECREF(values[i]);
    Py_XDECREF(last_event_id);
    Py_XDECREF(done);
    return result;
}

PyDoc_STRVAR(parser_doc,
"Parser(*, last_event_id='', done='[DONE]', max_event_size=67108864, report_ignored=False, "
"blocks=False)\n--\n\n"
"A push parser of one event stream (HTML standard, 9.2.5 and 9.2.6), without I/O.\n"
"\n"
"- ``last_event_id``: the initial last event ID string, to resume a stream.\n"
"- ``done``: a block whose data equals it, with up to 16 spaces around it, is returned as DONE;\n"
"  None turns this off.\n"
"- ``max_event_size``: how many bytes of one block, with its line in progress, may be buffered\n"
"  (64 MiB by default); None means no limit.\n"
"- ``report_ignored``: return each ignored line as an Ignored.\n"
"- ``blocks``: return each block as a Block, not as an Event.\n"
"\n"
"Raises TypeError or ValueError for a wrong argument. One thread at a time may use a parser.\n"
"\n"
">>> Parser().feed(b\": hi\\ndata: one\\n\\n\")\n"
"[Comment(text='hi'), Event(event='message', data='one', id='', retry=None)]");

#define FUNCTION(function) (PyCFunction)(void (*)(void))function

static PyMethodDef parser_methods[] = {
    {"feed", FUNCTION(parser_feed), METH_FASTCALL | METH_KEYWORDS, feed_doc},
    {"close", FUNCTION(parser_close), METH_FASTCALL | METH_KEYWORDS, close_doc},
    {"__reduce__", parser_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(recognised_doc,
"Whether there was a line with the name data, event, id or retry (in a line in progress,\n"
"with its colon), or a comment before any ignored line. close() does not change it.");

PyDoc_STRVAR(ignored_tail_doc,
"The first 200 bytes of the ignored lines after the last line with a known name, each\n"
"with LF, and of a line in progress that can only be ignored. close() does not change it.");

#define PROPERTY(name, which, doc) {name, parser_get, NULL, doc, (void *)(intptr_t)which}

static PyGetSetDef parser_properties[] = {
    PROPERTY("last_event_id", LAST_EVENT_ID,
             "The last event ID string; it changes at the blank line that ends a block."),
    PROPERTY("retry", RETRY,
             "The reconnection time in milliseconds, or None until the stream sets it."),
    PROPERTY("ignored", IGNORED,
             "How many lines were ignored: an unknown name, a ``retry`` that is not a number below\n"
             "2**64, an ``id`` with NUL."),
    PROPERTY("incomplete", INCOMPLETE,
             "Whether bytes would be lost if the stream ended now; after close(), if any were."),
    PROPERTY("blocks", BLOCKS, "Whether each block is returned as a Block, not as an Event."),
    PROPERTY("in_line", IN_LINE,
             "Whether the bytes so far end inside a line. close() does not change it."),
    PROPERTY("recognised", RECOGNISED, recognised_doc),
    PROPERTY("ignored_tail", IGNORED_TAIL, ignored_tail_doc),
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

static PyType_Spec parser_spec = SPEC("sse_stream.parser.Parser", sizeof(Parser), parser_slots);

/* --- the module -------------------------------------------------------------------- */

/* Import a name from another module of this package, also in a copy of the package. */
static PyObject *import_beside(PyObject *module, const char *beside, const char *name) {
    PyObject *result = NULL, *names = Py_BuildValue("(s)", name);
    if (names == NULL) return NULL;
    PyObject *found = PyImport_ImportModuleLevel(beside, PyModule_GetDict(module), NULL, names, 1);
    if (found != NULL) result = PyObject_GetAttrString(found, name);
    Py_XDECREF(found);
    Py_DECREF(names);
    return result;
}

/* Make the compiled form of a class of items.py, with its bases, docstring and __match_args__. Its
   __module__ is items.py too, so that the other form can load a pickle of it. */
static PyObject *add_item_type(PyObject *module, PyType_Spec *spec) {
    static const char *copied[] = {"__module__", "__doc__", "__match_args__"};
    PyObject *pure = import_beside(module, "items", strrchr(spec->name, '.') + 1);
    PyObject *bases = pure != NULL ? PyObject_GetAttrString(pure, "__bases__") : NULL;
    /* This does not call __init_subclass__, which would refuse a class of this module. */
    PyObject *type = bases != NULL ? PyType_FromModuleAndSpec(module, spec, bases) : NULL;
    for (int i = 0; type != NULL && i < 3; i++) {
        PyObject *value = PyObject_GetAttrString(pure, copied[i]);
        if (value == NULL || PyObject_SetAttrString(type, copied[i], value) < 0) Py_CLEAR(type);
        Py_XDECREF(value);
    }
    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) < 0) Py_CLEAR(type);
    Py_XDECREF(bases);
    Py_XDECREF(pure);
    return type;
}

/* The same for the Parser; parser.py is not imported yet. */
static int add_parser_type(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &parser_spec, NULL);
    PyObject *own_name = PyModule_GetNameObject(module), *name = NULL;
    if (own_name != NULL) {
        PyObject *parts = PyObject_CallMethod(own_name, "rpartition", "s", ".");
        if (parts != NULL) name = PyUnicode_FromFormat("%S.parser", PyTuple_GET_ITEM(parts, 0));
        Py_XDECREF(parts);
    }
    int result = -1;
    if (type != NULL && name != NULL && PyObject_SetAttrString(type, "__module__", name) == 0)
        result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(name);
    Py_XDECREF(own_name);
    Py_XDECREF(type);
    return result;
}

static int module_exec(PyObject *module) {
    State *state = PyModule_GetState(module);
    PyObject *done_type = NULL;
    if ((state->message = PyUnicode_InternFromString("message")) == NULL
        || (state->empty = PyUnicode_New(0, 0)) == NULL
        || (state->event_type = add_item_type(module, &event_spec)) == NULL
        || (state->block_type = add_item_type(module, &block_spec)) == NULL
        || (state->comment_type = add_item_type(module, &comment_spec)) == NULL
        || (state->ignored_type = add_item_type(module, &ignored_spec)) == NULL
        || (state->done = import_beside(module, "items", "DONE")) == NULL
        || (state->too_large_error = import_beside(module, "errors", "EventTooLargeError")) == NULL
        || (state->closed_error = import_beside(module, "errors", "ParserClosedError")) == NULL
        || (state->check_text = import_beside(module, "errors", "check_text")) == NULL
        || (state->check_limit = import_beside(module, "errors", "check_limit")) == NULL
        || (state->as_bytes = import_beside(module, "errors", "as_bytes")) == NULL
        || (done_type = import_beside(module, "items", "Done")) == NULL)
        return -1;
    /* DONE has no members: a compiled form would gain nothing. */
    int result = PyModule_AddObjectRef(module, "Done", done_type);
    Py_DECREF(done_type);
    if (result < 0 || PyModule_AddObjectRef(module, "DONE", state->done) < 0) return -1;
    return add_parser_type(module);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    PyObject **objects = PyModule_GetState(module);
    for (size_t i = 0; i < VISITED; i++) Py_VISIT(objects[i]);
    return 0;
}

/* There is no m_clear: a parser keeps its module alive and may be called as long as it exists.
   Every cycle through these objects contains a dictionary, which breaks the cycle. */
static void module_free(void *module) {
    PyObject **objects = PyModule_GetState((PyObject *)module);
    size_t count = objects != NULL ? sizeof(State) / sizeof(PyObject *) : 0;
    for (size_t i = 0; i < count; i++) Py_CLEAR(objects[i]);
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
    .m_doc = "The types of items.py and the Parser of parser.py, compiled.",
    .m_size = sizeof(State),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__speedups(void) {
    return PyModuleDef_Init(&module_def);
}
