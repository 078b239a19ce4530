import { fusedKinds, readFuses } from '../../../src/core/fuse.ts';
import type { FusedKind } from '../../../src/core/fuse.ts';
import type { Policy } from '../../../src/core/policy.ts';
import type { Database } from '../../../src/db/connect.ts';
import { messageId } from '../../../src/mail/message-id.ts';
import type { Inbox } from '../../../src/stand-ins/inbox/index.ts';
import type postgres from 'postgres';
import type { WalkClock } from './clock.ts';
import type { Judge } from './judge.ts';

const who = 'the operator of the walk';

/** A person who looks once a day: at what nobody can say, at dead letters, findings and fuses. */
export class Operator {
  readonly did = { settled: 0, replayed: 0, acknowledged: 0, released: 0 };

  private readonly sql: postgres.Sql;
  private readonly database: Database;
  private readonly inbox: Inbox;
  private readonly clock: WalkClock;
  private readonly judge: Judge;
  private readonly policy: Policy;
  private readonly mailDomain: string;

  constructor(
    sql: postgres.Sql,
    database: Database,
    inbox: Inbox,
    clock: WalkClock,
    judge: Judge,
    policy: Policy,
    mailDomain: string,
  ) {
    this.sql = sql;
    this.database = database;
    this.inbox = inbox;
    this.clock = clock;
    this.judge = judge;
    this.policy = policy;
    this.mailDomain = mailDomain;
  }

  async look(): Promise<void> {
    const [open] = await this.sql`
      select exists (select from evenfall.effect where state = 'unknown') as unknown,
        exists (select from evenfall.dead_letter where resolved_at is null) as dead,
        exists (select from evenfall.finding where acknowledged_at is null) as found,
        exists (select from evenfall.fuse where blown_at is not null) as blown`;
    if (open!['unknown']) await this.settleUnknown();
    if (open!['dead']) await this.replayDead();
    if (open!['found']) await this.acknowledge();
    if (open!['blown']) await this.releaseFuses();
  }

  /** The mail server's log says by the Message-ID whether it took a mail. */
  private async settleUnknown(): Promise<void> {
    const effects = await this.sql<{ id: number; key: string }[]>`
      select id, key from evenfall.effect where state = 'unknown'`;
    for (const { id, key } of effects) {
      const wanted = messageId(key, this.mailDomain);
      const happened = this.inbox.messages.some(({ headers }) =>
        headers.some(({ name, value }) => name.toLowerCase() === 'message-id' && value === wanted),
      );
      await this.database.statements.settleUnknown({ id, happened, who });
      this.did.settled++;
    }
  }

  private async replayDead(): Promise<void> {
    const { statements } = this.database;
    for (const { jobId } of await statements.listDeadLetters({ all: false, limit: 100 })) {
      await statements.replay({ id: jobId, resolution: `replayed by ${who}` });
      this.did.replayed++;
    }
  }

  private async acknowledge(): Promise<void> {
    const { statements } = this.database;
    for (const { id } of await statements.listFindings({ all: false, limit: 100 })) {
      await statements.acknowledgeFinding({ id, who, why: 'seen' });
      this.did.acknowledged++;
    }
  }

  /** Looks who waits, and lets them through. */
  private async releaseFuses(): Promise<void> {
    const kinds = Object.keys(fusedKinds) as FusedKind[];
    for (const fuse of await readFuses(this.database.statements, this.policy, kinds)) {
      if (fuse.blownAt === null) continue;
      const acts = fuse.waiting + 5;
      await this.database.transaction(async (tx) => {
        await tx.releaseFuse({ kind: fuse.kind, acts, who });
        await tx.wakeFused({ kind: fuse.kind });
      });
      if (fuse.kind === 'delete-inactive-team') this.judge.fuseReleased(this.clock.now(), acts);
      this.did.released++;
    }
  }
}
