import { spawn } from 'node:child_process';

// The end of the pipe without a word means that our process is gone, however it died. The server was alive
// when we died, so the number still names it. The loop is bounded because nobody may be there to reap it.
const script = `
read -r pid || exit 0
read -r word && exit 0
kill -s "$1" "$pid" 2>/dev/null || exit 0
waited=0
while kill -0 "$pid" 2>/dev/null && [ "$waited" -lt 20 ]; do
  [ "$waited" -eq 15 ] && kill -s KILL "$pid" 2>/dev/null
  sleep 1
  waited=$((waited + 1))
done
`;

/** A small process that outlives ours just long enough to stop a server which would otherwise be left behind. */
export type Watchdog = {
  /** Names the server to stop when our process ends. */
  guard(pid: number): void;
  /** The server has ended by itself or by us: nothing is left to watch. */
  dismiss(): void;
};

/** Starts a watchdog; `signal` is what it sends (without `SIG`), followed by KILL after 15 seconds. */
export function startWatchdog(signal: 'INT' | 'TERM'): Watchdog {
  const child = spawn('/bin/sh', ['-c', script, 'watchdog', signal], {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    // Its own session: the Ctrl-C that ends us must not end it first.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell there is no watchdog; the server still stops by stop(). A dead one closes the pipe.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  return {
    guard: (pid) => child.stdin.write(`${pid}\n`),
    dismiss: () => child.stdin.end('done\n'),
  };
}
