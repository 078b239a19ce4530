import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterEach, beforeEach } from 'vitest';

type Stoppable = { stop(): Promise<void> };

/** A folder for each test, and an end for every server that the test started. */
export function scratch(): { readonly dir: string; running<T extends Stoppable>(server: T): T } {
  let dir = '';
  let servers: Stoppable[] = [];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'evenfall-embedded-'));
    // For root, whose PostgreSQL runs as another user and has to pass through here.
    await chmod(dir, 0o711);
  });
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    servers = [];
    await rm(dir, { recursive: true, force: true });
  });
  return {
    get dir() {
      return dir;
    },
    running(server) {
      servers.push(server);
      return server;
    },
  };
}

/** One question to the database: the first column of the first row. */
export async function ask(url: string, question: string): Promise<unknown> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const [row] = await sql.unsafe(question).values();
    return row?.[0];
  } finally {
    // Without a deadline it waits for ever on a connection that the server has cut.
    await sql.end({ timeout: 1 });
  }
}
