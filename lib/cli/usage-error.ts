// What is told when a command line is wrong.

/** The command line is wrong. Its message is one line. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** Makes one that says where help is. */
export function usage(problem: string): UsageError {
  return new UsageError(`${problem}; see millrace --help`);
}

/** One line, whatever was typed. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
