import { deactivateAccount } from '../../../jobs/deactivate-account.ts';
import { deleteInactiveTeam } from '../../../jobs/delete-inactive-team.ts';
import { markTeamForDeletion } from '../../../jobs/mark-team-for-deletion.ts';
import { syncCustomer } from '../../../jobs/sync-customer.ts';
import type { Part, Role } from './role.ts';
import type { Scene } from './scene.ts';
import type { Slot, Stage } from './stage.ts';

/** The job is asked for and dispatched; a worker begins it. */
function job(kind: string, payload: (scene: Scene) => object) {
  return async (_stage: Stage, scene: Scene, slot: Slot): Promise<Part> => {
    const ticket = await slot.dispatch(kind, payload(scene));
    if (!ticket) throw new Error(`a job ${kind} lives already: of one job there is one run`);
    return { act: () => slot.run(ticket) };
  };
}

/** `evenfall run`, beside what a worker does. */
function inline(kind: string) {
  return (_stage: Stage, scene: Scene, slot: Slot): Part => ({
    async act() {
      const answer = { ...(await slot.runInline(kind, { teamId: scene.teamId })) };
      scene.note({ who: slot.player.name, what: 'said', subject: kind, answer });
    },
  });
}

const team = ({ teamId }: Scene) => ({ teamId });

const marking = {
  coarse: ['before tx.openMark', 'before tx.holdTeam', 'before tx.teamToEnd', 'after mail'],
  fine: [
    'after liveMark',
    'after stripe.findCustomers',
    'committed',
    'before tx.lockMark',
    'before tx.lockTeam',
    'before tx.tryTeamFuse',
    'committed 2',
    'before mail',
    'before commit 3',
  ],
};

const deleting = {
  coarse: ['before tx.lockMark', 'before tx.teamToEnd', 'committed', 'before tx.lockMark 2'],
  fine: [
    'after liveMark',
    'after stripe.findCustomers',
    'before tx.lockTeam',
    'before tx.lockUser',
    'before tx.beginDeletion',
    'before tx.deleteTeam',
    'before tx.ownerToEnd',
    'before tx.deleteUser',
    'before commit 2',
  ],
};

export const marks: Role = { name: 'mark', ...marking, prepare: job(markTeamForDeletion.name, team) };
export const marksInline: Role = {
  name: 'mark inline',
  ...marking,
  prepare: inline(markTeamForDeletion.name),
};
export const deletes: Role = { name: 'delete', ...deleting, prepare: job(deleteInactiveTeam.name, team) };
export const deletesInline: Role = {
  name: 'delete inline',
  ...deleting,
  prepare: inline(deleteInactiveTeam.name),
};

export const deactivates: Role = {
  name: 'deactivate',
  coarse: ['before tx.lockUser', 'before commit'],
  fine: ['after sharedTeamsOf', 'before tx.deactivateUser', 'committed', 'before mail'],
  prepare: job(deactivateAccount.name, ({ ownerId }) => ({ userId: ownerId })),
};

/** In Stripe; then the webhook has its customer read and mirrored. */
export const subscribesAndIsMirrored: Role = {
  name: 'webhook',
  coarse: ['before tx.mirror', 'before commit'],
  fine: ['before enqueue', 'after readBegins', 'after stripe.readCustomer'],
  prepare: (_stage, scene, slot) => ({
    async act() {
      scene.subscribe();
      const ticket = await slot.dispatch(syncCustomer.name, { customerId: scene.customer });
      if (ticket) await slot.run(ticket);
    },
  }),
};

/** The first of the cast loses its worker; another one takes its job up. */
function worker(name: string, { dies }: { dies: boolean }, stops: Pick<Role, 'coarse' | 'fine'>): Role {
  return {
    name,
    ...stops,
    prepare: ({ database }, _scene, slot, [target]) => ({
      canBegin: () => target!.running !== undefined && target!.player.state === 'standing',
      async act() {
        const { kind, workerId } = target!.running!;
        if (dies) await target!.die();
        await database.statements.signOff({ id: workerId });
        await slot.database.statements.rescue({ lease: 'PT5S' });
        for (const ticket of await slot.claim(kind)) await slot.run(ticket);
      },
    }),
  };
}

/** kill -9, and a later run. */
export const crashes = worker('crash', { dies: true }, { coarse: [], fine: [] });
/** It is only believed dead, and goes on when it likes. */
export const isTakenOver = worker(
  'take over',
  { dies: false },
  {
    coarse: ['before tx.lockMark', 'before tx.openMark', 'committed', 'after mail'],
    fine: [...marking.fine, ...deleting.fine],
  },
);
