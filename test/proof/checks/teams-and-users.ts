import { queries } from '../../../sql/queries.gen.ts';
import {
  dueToBeDeleted,
  dueToBeMarked,
  hadSubscription,
  known,
  unverifiedUsersDue,
  whySpared,
} from '../oracle/index.ts';
import { inactiveTeamAges, monthEnd, unverifiedUserAges } from '../world/moments.ts';
import { asking, atMoments, collect, due, dueFor, parametersOf } from './check.ts';
import type { Asks, Check } from './check.ts';
import type { World } from '../oracle/index.ts';

const teamAges = [asking(monthEnd, { inactiveTeamAge: inactiveTeamAges[1] }), ...atMoments];
const userAges = [asking(monthEnd, { unverifiedUserAge: unverifiedUserAges[1] }), ...atMoments];

async function teamsSwept(kind: string, asks: Asks, world: World) {
  const rows = await asks.sweep(kind, parametersOf(world));
  return collect(rows.map(({ subject, teamId }) => [subject, dueFor(teamId)]));
}

const forThemselves = (teamIds: Iterable<string>) => collect([...teamIds].map((id) => [id, dueFor(id)]));

export const teamsAndUsers: readonly Check[] = [
  {
    name: 'mark-team-for-deletion',
    files: ['sweeps/mark-team-for-deletion.sql', 'functions/team_spared.sql'],
    askings: teamAges,
    bySql: (asks, world) => teamsSwept('mark-team-for-deletion', asks, world),
    byOracle: (world) => forThemselves(dueToBeMarked(world)),
  },
  {
    name: 'delete-inactive-team',
    files: ['sweeps/delete-inactive-team.sql'],
    askings: atMoments,
    bySql: (asks, world) => teamsSwept('delete-inactive-team', asks, world),
    byOracle: (world) => forThemselves(dueToBeDeleted(world)),
  },
  {
    name: 'teams that nothing speaks for when the jobs look again',
    files: ['functions/team_spared.sql'],
    askings: teamAges.slice(0, 3),
    async bySql(asks, { now, policies }) {
      // the jobs' own statement, of all teams at once
      const ofAll = queries.teamToEnd.text.replace(/\nwhere t\.id = [^\n]*$/, '');
      const rows = await asks.rows(ofAll, [policies.inactiveTeamAge, new Date(now)]);
      const spoken = rows.filter((row) => row['isOld'] === true && row['spared'] === null);
      return due(spoken.map((row) => String(row['id'])));
    },
    byOracle(world) {
      const facts = known(world);
      return due(world.teams.filter((team) => !whySpared(team, world, facts)).map(({ id }) => id));
    },
  },
  {
    name: 'teams whose mark a subscription takes back',
    files: ['functions/clear_marks.sql'],
    askings: [asking(monthEnd)],
    async bySql(asks) {
      const rows = await asks.rows(
        `select distinct s.team_id
         from evenfall.subscribed_teams(array(select customer_id from evenfall.subscription)) s
         where s.team_id in (select id::text from evenfall.app_team)`,
        [],
      );
      return due(rows.map((row) => String(row['teamId'])));
    },
    byOracle(world) {
      const facts = known(world);
      return due(world.teams.filter((team) => hadSubscription(team, facts)).map(({ id }) => id));
    },
  },
  {
    name: 'delete-unverified-users',
    files: ['sweeps/delete-unverified-users.sql', 'functions/user_spared.sql'],
    askings: userAges,
    async bySql(asks, world) {
      const rows = await asks.sweep('delete-unverified-users', parametersOf(world));
      return due(rows.map(({ subject }) => subject));
    },
    byOracle: (world) => due(unverifiedUsersDue(world)),
  },
  {
    name: 'users whom the job of the unverified finds',
    files: ['functions/user_spared.sql'],
    askings: userAges,
    async bySql(asks, { now, policies }) {
      const { text, parameters } = queries.unverifiedUsers;
      const { unverifiedUserAge } = policies;
      const values: Record<string, unknown> = { unverifiedUserAge, now: new Date(now), batch: 1_000_000 };
      const inTheirOrder = parameters.map((parameter) => values[parameter] ?? null);
      const rows = await asks.rows(text, inTheirOrder);
      return due(rows.map((row) => String(row['id'])));
    },
    byOracle: (world) => due(unverifiedUsersDue(world)),
  },
];
