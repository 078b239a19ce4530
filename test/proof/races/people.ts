import type postgres from 'postgres';
import type { Protection } from '../../../src/cli/commands/protections.ts';
import { keepToken } from '../../../src/core/keep-token.ts';
import { defaultPolicy } from '../../../src/core/policy.ts';
import type { Fault } from '../../../src/stand-ins/inbox/faults.ts';
import { keepRoutes } from '../../../src/web/keep.ts';
import { afterSixMonths, days } from '../../support/endings.ts';
import { micros } from './conducted.ts';
import { atOnce, unlessRefused } from './role.ts';
import type { Role } from './role.ts';
import type { Entry, Scene } from './scene.ts';
import { secret } from './stage.ts';
import type { Stage } from './stage.ts';

/** In Stripe, and nobody has heard of it yet. */
export const subscribes = atOnce('subscribe', (_stage, scene) => scene.subscribe());

/** The button behind the link of the notice, when that has come. */
export const keeps: Role = {
  name: 'keep',
  coarse: ['before commit'],
  fine: ['before tx.keepTeam', 'committed'],
  prepare({ world }, scene, slot) {
    const link = () => /keep\/(\d+)-/.exec(world.inbox.messages.at(-1)?.text ?? '')?.[1];
    const markId = () => scene.given ?? Number(link());
    return {
      canBegin: () => markId() > 0,
      async act() {
        const routes = keepRoutes({
          database: slot.database,
          secret,
          inactiveTeamAge: defaultPolicy.inactiveTeamAge,
          clockOffsetMs: () => world.now().getTime() - Date.now(),
        });
        await routes.request(`/keep/${keepToken(secret, markId())}`, { method: 'POST' });
      },
    };
  },
};

/** `evenfall snooze|exempt|hold`, and with `lift` a second one that takes it back. */
function operator(kind: Protection, name: string, { lift = false } = {}): Role {
  const until = kind === 'snooze' ? { until: afterSixMonths(days(900)).toISOString() } : {};
  return {
    name,
    coarse: ['before commit', 'committed', ...(lift ? ['committed 2'] : [])],
    fine: [
      'before tx.lockMarkOfTeam',
      'before tx.protectTeam',
      'before tx.clearMarkOfTeam',
      'before commit 2',
    ],
    prepare: (_stage, scene, slot) => ({
      act: () =>
        unlessRefused(scene, slot, async () => {
          const order = [kind, `team:${scene.teamId}`, { why: 'the customer called', json: true }] as const;
          const answer = await slot.protect(order[0], order[1], { ...order[2], ...until });
          scene.note({ who: name, what: 'said', subject: kind, answer });
          if (lift) await slot.protect(order[0], order[1], { ...order[2], lift: true });
        }),
    }),
  };
}

export const snoozes = operator('snooze', 'snooze');
export const exempts = operator('exempt', 'exempt');
export const holds = operator('hold', 'hold');
export const changesItsMind = operator('snooze', 'snooze and lift', { lift: true });

type Write = (app: postgres.Sql, scene: Scene) => PromiseLike<postgres.RowList<postgres.Row[]>>;

/** A transaction of the app: it stops after each write. What it has changed is noted when it has committed. */
function app(
  name: string,
  make: (
    stage: Stage,
    scene: Scene,
  ) => Promise<{ writes: Write[]; changed?: Pick<Entry, 'what' | 'subject'> }>,
): Role {
  return {
    name,
    coarse: ['written', 'written 2'],
    fine: [],
    async prepare(stage, scene, slot) {
      const { writes, changed } = await make(stage, scene);
      const { player } = slot;
      const ask = (write: Write) => slot.ask(async () => await write(slot.app, scene));
      const act = async () => {
        let rows = 0;
        await ask((sql) => sql`begin`);
        for (const write of writes) {
          rows += (await ask(write)).count;
          await player.reach('written');
        }
        const [clock] = await ask((sql) => sql`select clock_timestamp()::text as now`);
        await ask((sql) => sql`commit`);
        if (rows > 0 && changed)
          scene.note({ who: 'the app', ...changed, at: micros(String(clock!['now'])) });
      };
      return {
        act: () =>
          unlessRefused(scene, slot, () =>
            act().catch(async (error: unknown) => {
              await ask((sql) => sql`rollback`);
              throw error;
            }),
          ),
      };
    },
  };
}

export const changesOwner = app('new owner', async ({ world }) => {
  const next = await world.rows.user();
  return {
    writes: [(sql, { teamId }) => sql`update public.teams set owner_id = ${next} where id = ${teamId}`],
    changed: { what: 'changed owner', subject: next },
  };
});

/** A customer that has subscribed, as both Stripe and the mirror know. */
async function subscriber({ world, sql }: Stage): Promise<string> {
  const { id } = world.standIn.seed.customer();
  world.standIn.seed.subscription({ customer: id });
  await sql`insert into evenfall.customer (id, livemode, read_at) values (${id}, false, '2026-01-01')`;
  await world.mirrorSubscription(id);
  return id;
}

export const links = app('link the team', async (stage) => {
  const customer = await subscriber(stage);
  return {
    writes: [
      (sql, { teamId }) => sql`update public.teams set stripe_customer_id = ${customer} where id = ${teamId}`,
    ],
    changed: { what: 'linked', subject: customer },
  };
});

/** The owner's own customer is that of a team without one. */
export const linksOwner = app('link the owner', async (stage, { teamId }) => {
  const customer = await subscriber(stage);
  await stage.sql`update public.teams set stripe_customer_id = null where id = ${teamId}`;
  return {
    writes: [
      (sql, { ownerId }) =>
        sql`update public.users set stripe_customer_id = ${customer} where id = ${ownerId}`,
    ],
    changed: { what: 'linked', subject: customer },
  };
});

export const joins = app('join elsewhere', async ({ world }) => {
  const other = await world.rows.team(await world.rows.user(), { created_at: world.now() });
  return {
    writes: [
      (sql, { ownerId }) =>
        sql`insert into public.memberships (team_id, user_id, role) values (${other}, ${ownerId}, 'invited')`,
    ],
    changed: { what: 'joined', subject: other },
  };
});

/** In an order of its own: user before team. It and a deletion can wait for each other in a circle. */
export const writesBoth = app('write user, team', () =>
  Promise.resolve({
    writes: [
      (sql, { ownerId }) => sql`update public.users set name = 'Renamed' where id = ${ownerId}`,
      (sql, { teamId }) => sql`update public.teams set name = 'Renamed' where id = ${teamId}`,
    ],
  }),
);

export const aMinutePasses = atOnce('a minute', (_stage, scene) => void (scene.minutes += 61 / 60));

const smtp = (name: string, fault: Fault) => atOnce(name, ({ world }) => world.inbox.faults.add(fault));
export const mailIsPutOff = smtp('mail put off', { kind: 'refuse', code: 451, at: 'rcpt' });
export const mailIsRefused = smtp('mail refused', { kind: 'refuse', code: 550, at: 'rcpt' });
/** The mail is there, and nobody knows. */
export const mailIsUnclear = smtp('mail unclear', { kind: 'drop-after-accept' });
