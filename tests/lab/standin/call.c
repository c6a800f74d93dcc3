/*
 * Copyright: (c) 2026, Apiary contributors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The process of a command that a fork of warm.py runs: it hands the fork all that it has, waits, and ends as the fork
 * says, or becomes the program that the fork names. In the first line of a command's file:
 *
 *     #!/.standin/call MODULE
 *
 * so argv is this program, the module, the file, and what was given to the command. Where nobody listens, Python runs
 * the file. A message is four bytes that say how long it is, and words that end with a zero byte.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET "/.standin/kernel/warm.sock"
#define PYTHON "/.linux/usr/bin/python3"
#define MODULE 1
#define FILE_NAME 2
/* The status of a command whose reader has gone (launch.BROKEN_PIPE). */
#define BROKEN_PIPE 141

extern char **environ;

/* Run the command's file in this process, as the commands do that are not kept warm. */
static void alone(char **argv)
{
    argv[0] = PYTHON;
    argv[MODULE] = "-IS";
    execv(PYTHON, argv);
    perror(PYTHON);
    exit(1);
}

static void *memory(size_t size)
{
    void *got = malloc(size);
    if (got == NULL) {
        perror("standin");
        exit(1);
    }
    return got;
}

static size_t length(char **words)
{
    size_t size = 0;
    for (; *words != NULL; words++)
        size += strlen(*words) + 1;
    return size;
}

static char *put(char *at, char **words)
{
    for (; *words != NULL; words++)
        at = stpcpy(at, *words) + 1;
    return at;
}

/* Hand over what this process has. -1: there is nobody. */
static int hand_over(int connection, int argc, char **argv)
{
    char pid[16], parent[16], mask[16], count[16];
    mode_t umask_now = umask(022);
    umask(umask_now);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    snprintf(parent, sizeof parent, "%d", (int)getppid());
    snprintf(mask, sizeof mask, "%d", (int)umask_now);
    snprintf(count, sizeof count, "%d", argc - FILE_NAME);
    char *head[] = {argv[MODULE], pid, parent, mask, count, NULL};

    size_t size = length(head) + length(argv + FILE_NAME) + length(environ);
    char *message = memory(sizeof(uint32_t) + size);
    uint32_t big_endian = htonl((uint32_t)size);
    memcpy(message, &big_endian, sizeof big_endian);
    put(put(put(message + sizeof big_endian, head), argv + FILE_NAME), environ);
    size += sizeof big_endian;

    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int files[4] = {0, 1, 2, here};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof files)];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec piece = {message, size};
    struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof files);
    memcpy(CMSG_DATA(rights), files, sizeof files);

    ssize_t sent = here < 0 ? -1 : sendmsg(connection, &header, MSG_NOSIGNAL);
    for (size_t done = 0; sent > 0 && (done += sent) < size;)
        sent = send(connection, message + done, size - done, MSG_NOSIGNAL);
    return sent < 0 ? -1 : 0;
}

/* Exactly so many bytes; a fork that ends before it has answered has told on stderr why. */
static void get(int connection, char *at, size_t size)
{
    while (size > 0) {
        ssize_t got = read(connection, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            exit(1);
        at += got;
        size -= got;
    }
}

/* The word behind this one. */
static char *next(char *word)
{
    return word + strlen(word) + 1;
}

/* Become a program: its path, where to go before (nowhere, when empty), how many arguments, these, the environment. */
static void become(char *words, char *end)
{
    char *path = words, *directory = next(path), *number = next(directory), *at = next(number);
    int count = atoi(number), total = 0;
    for (char *word = at; word < end; word = next(word))
        total++;
    char **list = memory((total + 2) * sizeof *list), **argv = list, **environment = list + count + 1;
    for (int index = 0; index < total; index++, at = next(at))
        list[index < count ? index : index + 1] = at;
    argv[count] = NULL;
    list[total + 1] = NULL;
    if (*directory != '\0' && chdir(directory) < 0) {
        perror(directory);
        exit(1);
    }
    /* Whoever started this may ignore it; a program of FreeBSD's would not care. */
    signal(SIGPIPE, SIG_DFL);
    execve(path, argv, environment);
    perror(path);
    exit(1);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (argc <= FILE_NAME)
        return 1;
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) < 0
        || hand_over(connection, argc, argv) < 0)
        alone(argv);

    uint32_t size;
    get(connection, (char *)&size, sizeof size);
    size = ntohl(size);
    char *answer = memory(size + 1);
    get(connection, answer, size);
    answer[size] = '\0';
    if (strcmp(answer, "become") == 0)
        become(next(answer), answer + size);
    int status = atoi(answer);
    if (status == BROKEN_PIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return status;
}
