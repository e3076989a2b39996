// Where is the program of the threads that read?

/** A module of its own; the command line is bundled with the text instead. */
export const THREAD_PROGRAM: URL | string = new URL('./thread.js', import.meta.url);
