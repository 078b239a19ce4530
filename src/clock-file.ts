import { readFileSync } from 'node:fs';
import { Misconfigured } from './core/errors.ts';

/**
 * How many milliseconds business time is ahead of the clock, as EVENFALL_CLOCK_FILE says: read at each call, so that
 * the demo can move it while a worker runs. 0 without the variable, without the file, and while it is empty.
 */
export function clockOffsetOf(file: string | undefined): () => number {
  if (file === undefined) return () => 0;
  return () => {
    const offsetMs = Number(textOf(file));
    if (Number.isSafeInteger(offsetMs)) return offsetMs;
    throw new Misconfigured(`${file}, named by EVENFALL_CLOCK_FILE, must hold whole milliseconds`);
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
