import { vi } from 'vitest';

/** What a command prints for people, says on stderr, and returns as its exit code. */
export async function runCommand(command: () => Promise<number | void>) {
  let out = '';
  let err = '';
  const writes = [
    vi.spyOn(process.stdout, 'write').mockImplementation((part) => ((out += String(part)), true)),
    vi.spyOn(process.stderr, 'write').mockImplementation((part) => ((err += String(part)), true)),
  ];
  try {
    const exit = (await command()) ?? 0;
    return { out, err, exit };
  } finally {
    for (const write of writes) write.mockRestore();
  }
}
