/* As much JSON as a driver needs: it looks into the runner's lines and copies documents as bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { const char *ptr; size_t len; } span;

static const char *skip(const char *p) { /* to the end of the JSON value at p */
    int depth = 0;
    if (!strchr("\"{[", *p)) return p + strcspn(p, ",]}");
    do {
        if (*p == '"') for (p++; *p != '"'; p++) p += *p == '\\';
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']'), p++;
    } while (depth > 0);
    return p;
}

/* The next member of the object at `*p`: its key and its value, both as they are written. */
static int member(const char **p, span *key, span *value) {
    *p += strspn(*p, "{,");
    if (**p != '"') return 0;
    *key = (span){*p, (size_t)(skip(*p) - *p)}, *p += key->len + 1;
    *value = (span){*p, (size_t)(skip(*p) - *p)}, *p += value->len;
    return 1;
}

static span get(const char *object, const char *name) {
    span key, value;
    while (object && member(&object, &key, &value))
        if (key.len == strlen(name) + 2 && !strncmp(key.ptr + 1, name, key.len - 2)) return value;
    return (span){NULL, 0};
}

/* The text of a JSON string as the runner writes them; NULL for anything else. */
static char *text(span s) {
    static char *kept[512]; /* freed long after the operation that needed it */
    static unsigned at;
    if (!s.ptr || *s.ptr != '"') return NULL;
    char *out = calloc(s.len, 1), *to = out, *found, map[] = "b\bf\fn\nr\rt\t";
    free(kept[at %= 512]), kept[at++] = out;
    for (const char *p = s.ptr + 1; p < s.ptr + s.len - 1; p++) {
        if (*p != '\\') *to++ = *p;
        else if (*++p == 'u') *to++ = (char)strtol((char[]){p[3], p[4], 0}, NULL, 16), p += 4;
        else *to++ = (found = strchr(map, *p)) ? found[1] : *p;
    }
    return out;
}

static long number(span s, long fallback) { return s.ptr ? atol(s.ptr) : fallback; }

static void escaped(const char *p, size_t len) { /* of binary bodies only what is ASCII */
    int binary = memchr(p, 0, len) != NULL;
    for (size_t i = 0; i < len; i++)
        if (binary && p[i] & 0x80) putchar('?');
        else printf((unsigned char)p[i] < 0x20 ? "\\u%04x" : strchr("\"\\", p[i]) ? "\\%c" : "%c", p[i]);
}

static void json_out(const uint8_t *p, size_t len) { /* on one line: line ends are only ever blanks in JSON */
    for (size_t i = 0; i < len; i++) putchar(p[i] == '\n' || p[i] == '\r' ? ' ' : p[i]);
}

/* A member with a comma behind it, unless there is no value. */
static void out(const char *name, const char *value) {
    if (value) printf("\"%s\":\"", name), escaped(value, strlen(value)), printf("\",");
}

/* Names and values that end in NUL, in turn, as an object. */
static void headers_out(const char *p, size_t len) {
    printf("\"headers\":{");
    for (const char *end = p + len, *value; p < end; p = value + strlen(value) + 1)
        value = p + strlen(p) + 1, out(p, value);
    printf("\"\":\"\"},");
}
