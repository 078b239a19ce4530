import type { Launched } from './launch.ts';

/** A server that can be stopped, killed and started again on the same port and the same data. */
export type EmbeddedServer = {
  readonly url: string;
  readonly port: number;
  /** The folder that holds its data. */
  readonly dir: string;
  /** The process id, or undefined while it does not run. */
  readonly pid: number | undefined;
  /** Starts it again after stop() or kill(); nothing happens while it runs. Throws EmbeddedError. */
  start(): Promise<void>;
  /** Stops it in an orderly way. Safe to call twice. */
  stop(): Promise<void>;
  /** Kills it as a crash would (SIGKILL), for tests of what happens then. */
  kill(): Promise<void>;
};

type Description = {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  readonly log: (line: string) => void;
  readonly launch: () => Promise<Launched>;
  /** Runs after every stop(). */
  readonly afterStop?: () => Promise<void>;
};

/** Makes the server out of the way to launch it; `first` is the process already launched. */
export function embeddedServer(description: Description, first: Launched): EmbeddedServer {
  const { name, url, port, dir, log, launch, afterStop } = description;
  let current: Launched | undefined;

  function adopt(launched: Launched): void {
    current = launched;
    void launched.exited.then((how) => {
      if (current !== launched) return;
      current = undefined;
      log(`${name} (pid ${launched.pid}) ended unexpectedly: ${how}\n${launched.output()}`);
    });
  }
  function release(): Launched | undefined {
    const launched = current;
    current = undefined;
    return launched;
  }

  adopt(first);
  return {
    url,
    port,
    dir,
    get pid() {
      return current?.pid;
    },
    async start() {
      if (!current) adopt(await launch());
    },
    async stop() {
      await release()?.stop();
      await afterStop?.();
    },
    async kill() {
      await release()?.kill();
    },
  };
}
