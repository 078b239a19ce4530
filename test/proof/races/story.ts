import { mirrorsSubscription } from './conducted.ts';
import type { Did } from './conducted.ts';
import type { Entry, Scene } from './scene.ts';
import type { Stage } from './stage.ts';

/** What is left when everything is over. */
export interface Left {
  readonly marks: readonly Mark[];
  readonly hasTeam: boolean;
  readonly hasOwner: boolean;
  readonly jobs: readonly { kind: string; state: string; attempts: number; class: string | null }[];
  readonly effects: readonly { key: string; state: string }[];
  readonly findings: readonly string[];
  readonly history: readonly { what: string }[];
  /** The marks that a mail in the inbox tells of. */
  readonly told: readonly number[];
}

interface Mark {
  readonly id: number;
  readonly state: string;
  readonly ownerId: string | null;
  readonly announcedDeleteAt: Date;
  readonly noticeSentAt: Date | null;
  readonly deleteAfter: Date | null;
}

/** Reads it, when a story has settled. */
export async function whatIsLeft({ sql, world }: Stage, { teamId, ownerId }: Scene): Promise<Left> {
  const [marks, jobs, effects, findings, history, hasTeam, hasOwner] = await Promise.all([
    sql<Mark[]>`
      select id, state, owner_id, announced_delete_at, notice_sent_at, delete_after
      from evenfall.team_deletion order by id`,
    sql<Left['jobs'][number][]>`
      select kind, state, attempts, last_error->>'class' as class from evenfall.job
      where queue in ('lifecycle', 'stripe', 'mail')`,
    sql<Left['effects'][number][]>`select key, state from evenfall.effect`,
    sql<{ kind: string }[]>`select kind from evenfall.finding`,
    sql<Left['history'][number][]>`select what from evenfall.history`,
    world.rows.exists('teams', teamId),
    world.rows.exists('users', ownerId),
  ]);
  const told = world.inbox.messages.flatMap(({ text }) => /keep\/(\d+)-/.exec(text)?.[1] ?? []).map(Number);
  return {
    marks,
    jobs,
    effects,
    findings: findings.map(({ kind }) => kind),
    history,
    told,
    hasTeam,
    hasOwner,
  };
}

/** The ledger of a story and what is left of it, with what both are asked for. */
export class Story {
  readonly scene: Scene;
  readonly left: Left;

  constructor(scene: Scene, left: Left) {
    this.scene = scene;
    this.left = left;
  }

  /** The places in the ledger where such a statement was committed, in the order of the commits. */
  commits(name: string, such: (did: Did) => boolean = () => true): number[] {
    const { ledger } = this.scene;
    return ledger.flatMap(({ did }, at) => (did?.some((one) => one.name === name && such(one)) ? [at] : []));
  }

  entries(what: Entry['what'], such: (entry: Entry) => boolean = () => true): number[] {
    return this.scene.ledger.flatMap((entry, at) => (entry.what === what && such(entry) ? [at] : []));
  }

  at(place: number): Entry {
    return this.scene.ledger[place]!;
  }

  /** Why the team was spared by then, as far as it was committed here. */
  spared(by: number): string | undefined {
    const protections = new Map<string, string>();
    for (const { did = [] } of this.scene.ledger.slice(0, by)) {
      for (const { name, parameters, rows } of did) {
        const kind = String(parameters['kind']);
        if (name === 'protectTeam') protections.set(kind, kind);
        if (name === 'liftProtection') protections.delete(kind);
        // a snooze like an operator's, who can lift it
        if (name === 'keepTeam' && rows.length > 0) protections.set('snooze', 'kept by its link');
      }
    }
    const [protection] = protections.values();
    return protection ?? this.subscribedHere(by);
  }

  /** A subscription of the team that was committed here. */
  subscribedHere(by: number): string | undefined {
    const mirrored = this.commits('mirror', mirrorsSubscription);
    if (mirrored.some((at) => at < by)) return 'a mirrored subscription';
    return this.entries('linked').some((at) => at < by) ? 'a subscribed customer' : undefined;
  }

  owner(by: number): string {
    const last = this.scene.ledger.slice(0, by).findLast(({ what }) => what === 'changed owner');
    return last?.subject ?? this.scene.ownerId;
  }

  wasCleared(mark: number, by: number): boolean {
    const { ledger } = this.scene;
    return ledger.slice(0, by).some(({ did = [] }) =>
      did.some(({ name, parameters, rows }) => {
        if (name === 'clearMark' || name === 'keepTeam') return parameters['id'] === mark && rows.length > 0;
        return name === 'clearMarkOfTeam' && rows[0]?.['id'] === mark;
      }),
    );
  }

  /** Whether Stripe, when the run at this place had asked it last before, knew of a subscription. */
  stripeKnew(by: number): boolean {
    const { who } = this.at(by);
    const asked = this.entries('asked Stripe', (entry) => entry.who === who).filter((at) => at < by);
    const lastOfEach = new Map(asked.map((at) => [this.at(at).subject, this.at(at).truth]));
    return [...lastOfEach.values()].some((truth) => truth?.ever);
  }

  mark(id: unknown): Mark | undefined {
    return this.left.marks.find((mark) => mark.id === id);
  }
}
