/* SPDX-License-Identifier: MIT */
/*
 * jsonl: reads standard input and says whether each line is one JSON object (RFC 8259) in printable ASCII.
 * Exit status 0, or 1 with the first line that is none.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool value(const char **p, int depth);

/** Move *P behind TEXT, if that is there. */
static bool take(const char **p, const char *text)
{
	size_t length = strlen(text);

	if (strncmp(*p, text, length) != 0) {
		return false;
	}
	*p += length;
	return true;
}

/** A string. */
static bool string(const char **p)
{
	if (!take(p, "\"")) {
		return false;
	}
	while (**p != '"') {
		if (**p < 0x20 || **p > 0x7e) {
			return false;
		}
		if (*(*p)++ != '\\') {
			continue;
		}
		if (**p == 'u') {
			for (int i = 1; i <= 4; i++) {
				if (!isxdigit((unsigned char)(*p)[i])) {
					return false;
				}
			}
			*p += 5;
		} else if (**p != '\0' && strchr("\"\\/bfnrt", **p) != NULL) {
			(*p)++;
		} else {
			return false;
		}
	}
	(*p)++;
	return true;
}

/** A number. */
static bool number(const char **p)
{
	char *end;

	if (**p != '-' && !isdigit((unsigned char)**p)) {
		return false;
	}
	strtod(*p, &end);
	*p = end;
	return true;
}

/** What stands between OPEN and CLOSE: values, each with a key where it IS_OBJECT. */
static bool members(const char **p, bool is_object, int depth)
{
	const char *open = is_object ? "{" : "[";
	const char *close = is_object ? "}" : "]";

	if (!take(p, open)) {
		return false;
	}
	if (take(p, close)) {
		return true;
	}
	do {
		if (is_object && (!string(p) || !take(p, ":"))) {
			return false;
		}
		if (!value(p, depth + 1)) {
			return false;
		}
	} while (take(p, ","));
	return take(p, close);
}

/** Any value. */
static bool value(const char **p, int depth)
{
	if (depth > 8) {
		return false;
	}
	return **p == '{'   ? members(p, true, depth)
	       : **p == '[' ? members(p, false, depth)
	       : **p == '"' ? string(p)
	                    : take(p, "true") || take(p, "false") || take(p, "null") || number(p);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, stdin)) > 0) {
		const char *p = line;

		if (line[0] != '{' || !value(&p, 0) || strcmp(p, "\n") != 0 || strlen(line) != (size_t)length) {
			printf("no JSON object: %s\n", line);
			free(line);
			return 1;
		}
	}
	free(line);
	return 0;
}
