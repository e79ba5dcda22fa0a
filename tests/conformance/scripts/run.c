/* SPDX-License-Identifier: MIT */
/*
 * The child redoes the operations and writes the script anew into a pipe, a line as soon as it is
 * known; the parent reads it. So what a run gives is a script again, whatever happens to the child.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops.h"
#include "rebind.h"
#include "run.h"

#define END "# end of the run"

static void run_lines(const struct script *script, unsigned int flags, FILE *out)
{
	static struct world world;
	static struct rebind rebind;
	char op[TEXT_MAX];

	world_init(&world);
	for (size_t i = 0; i < script->n; i++) {
		const struct line *line = &script->lines[i];

		if (line_is_comment(line)) {
			fprintf(out, "%s\n", line->op);
			continue;
		}
		snprintf(op, sizeof(op), "%s", line->op);
		if (flags & RUN_REBIND)
			rebind_apply(&rebind, line->op, op, sizeof(op));
		op_run(&world, op);
		if (flags & RUN_REBIND && line->result)
			rebind_learn(&rebind, line->op, line->result, world.result);
		fprintf(out, "%s => %s\n", op, line_is_compared(line) ? world.result : "skip");
		fflush(out);
	}
	fprintf(out, END "\n");
	fflush(out);
}

static _Noreturn void child(const struct script *script, unsigned int flags, int fd)
{
	FILE *out = fdopen(fd, "we");

	alarm(RUN_SECONDS);
	if (!out)
		_exit(2);
	run_lines(script, flags, out);
	exit(0);
}

/* Up to the end mark, or to the end of the file when the child died before it. */
static void collect(struct script *got, int fd)
{
	FILE *in = fdopen(fd, "re");
	char *text = NULL;
	size_t room = 0;

	while (in && getline(&text, &room, in) >= 0 && strncmp(text, END, strlen(END)))
		script_parse(got, text, 0);
	free(text);
	if (in)
		fclose(in);
}

int run_script(const struct script *script, unsigned int flags, struct script *ret_got)
{
	int pipe_fd[2], status;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		status = -errno;
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		return status;
	}
	if (!pid) {
		close(pipe_fd[0]);
		child(script, flags, pipe_fd[1]);
	}
	close(pipe_fd[1]);
	script_init(ret_got, script->name);
	collect(ret_got, pipe_fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

void run_explain(int status, char *text, size_t room)
{
	if (status < 0)
		snprintf(text, room, "no process for it: %s", strerror(-status));
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(text, room, "no answer within %d s", RUN_SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(text, room, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, room, "exit status %d", WEXITSTATUS(status));
}
