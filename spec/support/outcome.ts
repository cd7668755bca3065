// A process that runs specs, and what to make of it.

import { spawn } from 'node:child_process';
import { count } from './tally.ts';

/** How a process has ended, and all that it has printed. */
export interface Run {
  readonly output: string;
  readonly code: number | null;
  /** It was cut, because it had not ended by itself in time. */
  readonly wasCut: boolean;
  readonly milliseconds: number;
}

/** What came of a process that runs specs. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Why it has failed as a whole. */
  readonly problem: string | undefined;
}

export interface RunSettings {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds until it is cut. */
  readonly timeout: number;
}

/** Runs a program up to its end. Never rejects: one that cannot be started has printed why. */
export function runProcess(program: string, words: readonly string[], settings: RunSettings): Promise<Run> {
  const { cwd, env, timeout } = settings;
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let wasCut = false;
    const timer = setTimeout(() => {
      wasCut = true;
      child.kill('SIGKILL');
    }, timeout);
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => {
      output += String(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ output, code, wasCut, milliseconds: Date.now() - started });
    });
  });
}

/** A process fails as a whole when it reports no test, skips one, had other streams than it should, or does not end by itself. */
export function judge({ output, code, wasCut }: Run, isPolyfilled: boolean): Outcome {
  const total = count(output, 'Total');
  const passed = count(output, 'Passed');
  const skipped = count(output, 'Skipped');
  let problem: string | undefined;
  if (wasCut) problem = 'did not end by itself in time';
  else if (total === 0) problem = 'reported no test (is .run() missing, or did it crash?)';
  else if (isPolyfilled !== /^streams: web-streams-polyfill$/m.test(output)) problem = 'has had the other streams';
  else if (skipped > 0) problem = `skipped ${skipped} tests`;
  else if (code !== 0 && passed === total) problem = `ended with exit code ${code}`;
  return { passed, failed: total - passed - skipped + (problem === undefined ? 0 : 1), problem };
}
