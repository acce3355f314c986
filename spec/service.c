/* How it works: a name is never looked up, so that what is let in is what the spec says. */
#include "spec/service.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *parse_path(const char *path, struct service *ret)
{
        static const char expected[] =
            "expected an absolute path after \"unix:\", without \"//\", \".\" or \"..\"";
        struct sockaddr_un *un = &ret->address.un;

        if (strlen(path) >= sizeof un->sun_path)
                return "a socket's path has at most 107 bytes";
        if (path[0] != '/')
                return expected;
        for (const char *p = path; *p != '\0';) {
                size_t n = strcspn(++p, "/");

                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return expected;
                p += n;
        }
        un->sun_family = AF_UNIX;
        (void)strcpy(un->sun_path, path);
        ret->length = sizeof *un;
        return NULL;
}

static const char *parse_port(const char *text, in_port_t *ret)
{
        const size_t n = strspn(text, "0123456789");
        const unsigned long port = strtoul(text, NULL, 10);

        if (n == 0 || n > 5 || text[n] != '\0' || text[0] == '0' || port > 65535)
                return "a port is 1 to 65535";
        *ret = htons((in_port_t)port);
        return NULL;
}

static const char *parse_host(const char *text, size_t n, struct service *ret)
{
        char host[INET6_ADDRSTRLEN + 2];

        if (n < sizeof host) {
                (void)snprintf(host, sizeof host, "%.*s", (int)n, text);
                if (strcmp(host, "[::1]") == 0) {
                        ret->address.in6.sin6_family = AF_INET6;
                        ret->address.in6.sin6_addr = in6addr_loopback;
                        ret->length = sizeof ret->address.in6;
                        return NULL;
                }
                if (inet_pton(AF_INET, host, &ret->address.in.sin_addr) == 1) {
                        ret->address.in.sin_family = AF_INET;
                        ret->length = sizeof ret->address.in;
                        return (ntohl(ret->address.in.sin_addr.s_addr) >> 24) == 127
                                   ? NULL
                                   : "only loopback addresses can be let in: 127.0.0.0/8 and [::1]";
                }
        }
        return "expected 127.0.0.1:PORT, [::1]:PORT or unix:/PATH; host names are not looked up";
}

const char *service_parse(const char *text, struct service *ret)
{
        struct service s = {.name = text};
        const char *colon, *wrong;

        if (strncmp(text, "unix:", 5) == 0) {
                wrong = parse_path(text + 5, &s);
        } else {
                colon = strrchr(text, ':');
                if (colon == NULL)
                        colon = text + strlen(text);
                wrong = parse_host(text, (size_t)(colon - text), &s);
                if (wrong == NULL)
                        wrong = parse_port(*colon == ':' ? colon + 1 : "", s.address.any.sa_family == AF_INET
                                                                               ? &s.address.in.sin_port
                                                                               : &s.address.in6.sin6_port);
        }
        if (wrong == NULL)
                *ret = s;
        return wrong;
}
