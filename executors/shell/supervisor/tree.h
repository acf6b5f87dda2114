/* The processes below this one. */
#ifndef TREE_H
#define TREE_H

/*
 * Sends SIGKILL to everyone below this process that can be found in one look. Whoever is born meanwhile is found by the next: this process is
 * the subreaper, so nobody below can leave it. Call it until waitpid() says that there is no child.
 */
void tree_kill(void);

#endif
