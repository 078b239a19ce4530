import { djangoMistakes } from './django/mistakes.ts';
import { laravelMistakes } from './laravel/mistakes.ts';
import { railsMistakes } from './rails/mistakes.ts';

/** In the contract: what is right, and what stands there instead. */
type Wrong = readonly (readonly [right: string, mistaken: string])[];

/** The same mistakes as each framework leads to them. */
export interface Mistaken {
  readonly tables: { readonly teams: string; readonly users: string };
  /** As Postgres calls it. */
  readonly idType: string;
  readonly timestampWithoutZone: Wrong;
  readonly idCast: Wrong;
  readonly idOfAnotherType: Wrong;
  readonly misnamedColumn: Wrong;
  readonly lockNothing: Wrong;
  /** A row that goes with the team, and is not its own. */
  readonly lockElsewhere: Wrong;
  readonly forgottenMembers: { readonly wrong: Wrong; readonly message: RegExp; readonly fix: RegExp };
  readonly namesake: Wrong;
  readonly noAddress: Wrong;
  readonly addressList: Wrong;
  readonly doubledRows: Wrong;
  readonly inverted: Wrong;
  readonly nobodyVerified: Wrong;
  readonly notTheOwner: Wrong;
  readonly notTheCustomer: {
    readonly view: 'app_team' | 'app_user';
    readonly wrong: Wrong;
    readonly before?: string;
  };
}

/** Something that an adopter got wrong, and what doctor has to say of it. */
export interface Mistake {
  readonly what: string;
  readonly wrong: Wrong;
  /** What the app has besides. */
  readonly before?: string;
  readonly level: 'error' | 'warning';
  readonly about: string;
  readonly message: RegExp;
  readonly fix: RegExp;
  readonly migrateRefuses?: true;
}

const frameworks: Readonly<Record<string, Mistaken>> = {
  laravel: laravelMistakes,
  rails: railsMistakes,
  django: djangoMistakes,
};

/** Each alone, on this framework's contract. */
export function mistakesIn(framework: string): Mistake[] {
  const of = frameworks[framework];
  if (!of) throw new Error(`nobody makes mistakes in ${framework}`);
  return [...refused(of), ...deletions(of), ...mapped(of)];
}

/** What has the wrong shape, and gets no further than `migrate`. */
function refused(of: Mistaken): Mistake[] {
  const shape = { level: 'error', migrateRefuses: true } as const;
  return [
    {
      ...shape,
      what: 'a timestamp without time zone in a view',
      wrong: of.timestampWithoutZone,
      about: 'app_team.created_at',
      message: /app_team\.created_at is timestamp.* without time zone, and has to be timestamptz/,
      fix: /^write `created_at at time zone 'UTC' as created_at` \(the zone that your app stores\)/,
    },
    {
      ...shape,
      what: 'an id of another type where it is referred to',
      wrong: of.idOfAnotherType,
      about: 'app_membership.team_id',
      message: new RegExp(`app_membership\\.team_id is text, and has to be .* which is ${of.idType}`),
      fix: new RegExp(`^write \`team_id::${of.idType} as team_id\``),
    },
    {
      ...shape,
      what: 'a column that is missing',
      wrong: [['null::text as time_zone, ', '']],
      about: 'app_team.time_zone',
      message: /app_team lacks the column time_zone \(text\)/,
      fix: /^add `null::text as time_zone` \(or your column\) at the end of evenfall\.app_team/,
    },
    {
      ...shape,
      what: 'a column that is misnamed',
      wrong: of.misnamedColumn,
      about: 'app_user.is_active',
      message: /app_user lacks the column is_active \(boolean\); it has active, unknown to Evenfall/,
      fix: /^add `true as is_active` \(or your column\)/,
    },
    {
      ...shape,
      what: 'a parameter that is taken for the column: every team would go',
      wrong: of.namesake,
      about: 'app_delete_team',
      message: /compares the column id with itself/,
      fix: /^write `app_delete_team\.id` or `\$1`/,
    },
  ];
}

/** What deletion could not be trusted with. */
function deletions(of: Mistaken): Mistake[] {
  const lock = {
    level: 'error',
    about: 'app_lock_team',
    fix: new RegExp(`select from ${of.tables.teams} t where t\\.id = \\$1::${of.idType} for update`),
  } as const;
  return [
    {
      ...lock,
      what: 'a lock that locks nothing',
      wrong: of.lockNothing,
      message: /^locks no row of any table/,
    },
    {
      ...lock,
      what: 'a lock of another row than the team’s own',
      wrong: of.lockElsewhere,
      message: new RegExp(`^locks something, and not the team's own row of ${of.tables.teams}\\.`),
    },
    {
      what: 'a deletion that a foreign key of the app refuses',
      wrong: [],
      before: `create table public.reports (author ${of.idType} constraint report_author references ${of.tables.users})`,
      level: 'warning',
      about: 'app_delete_user',
      message: new RegExp(
        `^public\\.reports refers to ${of.tables.users} \\(report_author\\), and app_delete_user`,
      ),
      fix: new RegExp(`^delete from public\\.reports x where x\\.author = \\$1::${of.idType};`),
    },
    {
      what: 'app_delete_team forgets members',
      level: 'warning',
      about: 'app_delete_team',
      ...of.forgottenMembers,
    },
  ];
}

/** Columns that fit, and hold something else. */
function mapped(of: Mistaken): Mistake[] {
  return [
    {
      what: 'an id that is cast to text everywhere: the primary key does not serve',
      wrong: of.idCast,
      level: 'warning',
      about: 'app_team.id',
      message: new RegExp(`reads the whole of ${of.tables.teams}: the view casts id`),
      fix: /^write id without the cast in evenfall\.app_team/,
    },
    {
      what: 'nobody has an address',
      wrong: of.noAddress,
      level: 'warning',
      about: 'app_user.email',
      message: /^no user at all has an e-mail address/,
      fix: /^map the column that holds the address/,
    },
    {
      what: 'an address is a list, or bears a name',
      wrong: of.addressList,
      level: 'warning',
      about: 'app_user.email',
      message: /^some users have something else than one bare address/,
      fix: /write one address in evenfall\.app_user\.email/,
    },
    {
      what: 'a join that doubles rows',
      wrong: of.doubledRows,
      level: 'error',
      about: 'app_user.id',
      message: /^some are listed more than once/,
      fix: /^-- which: select id, count\(\*\) from evenfall\.app_user group by id/,
    },
    {
      what: 'is_active the wrong way round, where everybody is active',
      wrong: of.inverted,
      level: 'warning',
      about: 'app_user.is_active',
      message: /^no user at all is active/,
      fix: /the wrong way round/,
    },
    {
      what: 'nobody is verified',
      wrong: of.nobodyVerified,
      level: 'warning',
      about: 'app_user.email_verified_at',
      message: /^no user at all has verified the e-mail/,
      fix: /`created_at as email_verified_at`/,
    },
    {
      what: 'an owner that is something else than a user',
      wrong: of.notTheOwner,
      level: 'warning',
      about: 'app_team.owner_id',
      message: /^some teams have an owner that no user is/,
      fix: /^-- which: select t\.id, t\.owner_id/,
    },
    {
      what: 'a customer by another id than Stripe’s',
      level: 'warning',
      about: `${of.notTheCustomer.view}.stripe_customer_id`,
      message: /^some are no ids of customers in Stripe/,
      fix: /^map the column that holds Stripe's own id/,
      ...of.notTheCustomer,
    },
    {
      what: 'a time zone by the name that Rails gives it',
      wrong: [['null::text as time_zone', `'Eastern Time (US & Canada)'::text as time_zone`]],
      level: 'warning',
      about: 'app_team.time_zone',
      message: /^some are no time zones of the IANA/,
      fix: /^translate them/,
    },
  ];
}
