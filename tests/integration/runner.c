/*
 * Copyright: (c) 2026, Apiary contributors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Have the server run a module (module_server.py), and end as it does: what runner.py does when the server is there,
 * without a Python that has to start first. Otherwise this becomes runner.py.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET "/var/run/runner.sock"

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (argc != 4) {
        fprintf(stderr, "usage: runner MODULE PYTHON RUNNER.PY\n");
        return 2;
    }
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) < 0) {
        execl(argv[2], argv[2], argv[3], argv[1], (char *)NULL);
        perror(argv[2]);
        return 1;
    }

    int files[3] = {0, 1, 2};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof files)];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec piece = {argv[1], strlen(argv[1])};
    struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof files);
    memcpy(CMSG_DATA(rights), files, sizeof files);
    if (sendmsg(connection, &header, MSG_NOSIGNAL) < 0) {
        perror(SOCKET);
        return 1;
    }

    char answer[16] = "";
    ssize_t got;
    do
        got = recv(connection, answer, sizeof answer - 1, 0);
    while (got < 0 && errno == EINTR);
    return got > 0 ? atoi(answer) : 1;
}
