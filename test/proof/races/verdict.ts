import type { Entry, Scene } from './scene.ts';
import type { Stage } from './stage.ts';
import { Story, whatIsLeft } from './story.ts';

const week = 7 * 86_400_000;

/** What may not be so after a story, by plain bookkeeping; nothing when all is well. */
export async function verdict(stage: Stage, scene: Scene, roles: readonly string[]): Promise<string[]> {
  const story = new Story(scene, await whatIsLeft(stage, scene));
  return [
    ...scene.wrong,
    ...deletion(story),
    ...owner(story),
    ...notices(story),
    ...clocks(story),
    ...records(story),
    ...machine(story, roles),
    ...progress(story, roles),
  ];
}

/** docs/protocol.md, "Before anything irreversible": the promise to the letter. */
function deletion(story: Story): string[] {
  const wrong: string[] = [];
  const deletions = story.commits('deleteTeam');
  if (deletions.length > 1) wrong.push('deleted twice');
  for (const at of deletions) {
    const begun = story.at(at).did?.find(({ name }) => name === 'beginDeletion');
    const mark = story.mark(begun?.parameters['id']);
    const spared = story.spared(at);
    if (spared !== undefined) wrong.push(`deleted in spite of ${spared}`);
    if (story.stripeKnew(at)) wrong.push('deleted in spite of a subscription that Stripe knew of when asked');
    if (minutesSinceAsked(story, at) >= 1)
      wrong.push("deleted on an answer of Stripe's that was a minute old");
    if (!mark) wrong.push('deleted without a mark that says so');
    else {
      if (story.owner(at) !== mark.ownerId) wrong.push('deleted though its owner was told nothing');
      if (story.wasCleared(mark.id, at)) wrong.push('deleted though its mark was taken back');
      if (mark.state !== 'deleted') wrong.push(`deleted, and its mark is ${mark.state}`);
    }
    const asked = story.entries('asked Stripe', ({ who }) => who.startsWith('delete-inactive-team'));
    const after = asked.filter((place) => place > at && story.at(place).subject === story.scene.customer);
    const isLinked = story.entries('asked Stripe', ({ who }) => who === story.at(at).who).length > 0;
    if (isLinked && after.length === 0) wrong.push('deleted, and Stripe was not asked once more');
    if (after.some((place) => story.at(place).truth?.live)) {
      if (!story.left.findings.includes('deleted-while-subscribed'))
        wrong.push('nobody was told of a subscription');
      if (!story.left.hasOwner) wrong.push('the owner is gone, who subscribed meanwhile');
    }
  }
  return wrong;
}

/** When it was looked at under lock, which is when it had to be young. */
function minutesSinceAsked(story: Story, at: number): number {
  const { who, did = [], minutes = 0 } = story.at(at);
  const asked = story.entries('asked Stripe', (entry) => entry.who === who).findLast((place) => place < at);
  if (asked === undefined) return 0;
  const looked = did.find(({ name }) => name === 'askedLately')?.minutes ?? minutes;
  return looked - (story.at(asked).minutes ?? 0);
}

/** Seed 4.8. */
function owner(story: Story): string[] {
  const { scene } = story;
  return story
    .commits('deleteUser', ({ parameters }) => parameters['userId'] === scene.ownerId)
    .flatMap((at) => {
      const wrong: string[] = [];
      const held = story.commits('protectTeam', ({ parameters }) => parameters['kind'] === 'hold');
      if (held.some((place) => place < at)) wrong.push('the owner is gone in spite of a hold');
      if (story.entries('joined').some((place) => place < at)) {
        wrong.push('the owner is gone, who was in another team');
      }
      return wrong;
    });
}

const isNotice = ({ subject = '' }: Entry) => subject.startsWith('mail:deletion-notice');

/** A notice was sent once, after a last look that nothing spoke against when it was committed. */
function notices(story: Story): string[] {
  const wrong: string[] = [];
  const { told } = story.left;
  for (const id of new Set(told)) {
    if (told.filter((other) => other === id).length > 1) wrong.push('told twice');
  }
  const looks = story.commits(
    'tryTeamFuse',
    ({ parameters, rows }) =>
      parameters['kind'] === 'mark-team-for-deletion' && rows[0]?.['verdict'] === 'holds',
  );
  for (const mailed of story.entries('mailed', isNotice)) {
    const { who } = story.at(mailed);
    const look = looks.findLast((at) => at < mailed && story.at(at).who === who);
    if (look === undefined) {
      wrong.push('told without a last look');
      continue;
    }
    const tried = story.at(look).did?.find(({ name }) => name === 'tryTeamFuse');
    const id = Number(/^mark (\d+)$/.exec(String(tried?.parameters['occasion']))?.[1]);
    const mark = story.mark(id);
    const spared = story.spared(look);
    if (spared !== undefined) wrong.push(`told in spite of ${spared}`);
    if (story.stripeKnew(look)) wrong.push('told in spite of a subscription that Stripe knew of when asked');
    if (minutesSinceAsked(story, look) >= 1)
      wrong.push("told on an answer of Stripe's that was a minute old");
    if (mark && story.owner(look) !== mark.ownerId) wrong.push('told to who owns it no more');
    if (story.wasCleared(id, look)) wrong.push('told though its mark was taken back');
  }
  return wrong;
}

/** Seed 4.5: the clock. */
function clocks(story: Story): string[] {
  const { left, scene } = story;
  return left.marks.flatMap((mark) => {
    if (mark.id === scene.given || mark.noticeSentAt === null) return [];
    const wrong: string[] = [];
    if (!left.told.includes(mark.id)) wrong.push('a clock runs without a mail');
    const key = `mail:deletion-notice:team:${scene.teamId}:${mark.announcedDeleteAt.toISOString()}`;
    const notice = left.effects.find((effect) => effect.key === key);
    if (notice?.state !== 'settled') wrong.push('a clock runs of a mail that nobody vouches for');
    const date = mark.deleteAfter?.getTime() ?? 0;
    if (date < mark.noticeSentAt.getTime() + week) wrong.push('a clock is shorter than the notice');
    if (date < mark.announcedDeleteAt.getTime())
      wrong.push('a clock ends before the date that the notice prints');
    const started = story.commits('startClock', ({ parameters }) => parameters['id'] === mark.id);
    const mailed = story.entries('mailed', ({ subject }) => subject === key);
    if (started.some((at) => !mailed.some((place) => place < at)))
      wrong.push('a clock started before its mail');
    return wrong;
  });
}

/** The history has a line for each, and no mark stays halfway. */
function records(story: Story): string[] {
  const { left, scene } = story;
  const lines = (...whats: string[]) => left.history.filter(({ what }) => whats.includes(what)).length;
  const inState = (...states: string[]) => left.marks.filter(({ state }) => states.includes(state)).length;
  const started = left.marks.filter(({ id, noticeSentAt }) => id !== scene.given && noticeSentAt !== null);
  const expected: [string, number, number][] = [
    ['clocks', lines('team.marked'), started.length],
    ['marks taken back', lines('team.mark-cleared', 'team.kept'), inState('cleared')],
    ['teams deleted', lines('team.deleted'), inState('deleting', 'deleted')],
    ['owners deleted', lines('user.deleted'), story.commits('deleteUser').length],
    ['protections', lines('team.snoozed', 'team.exempted', 'team.held'), story.commits('protectTeam').length],
  ];
  const wrong = expected
    .filter(([, said, are]) => said !== are)
    .map(([what, said, are]) => `the history tells of ${said} ${what}, and there were ${are}`);
  if (inState('deleting') > 0) wrong.push('a deletion was not seen through');
  return wrong;
}

/** No attempt used, nobody dead, nothing left claimed, but by the mail server or a worker's death over a mail. */
function machine(story: Story, roles: readonly string[]): string[] {
  const { left, scene } = story;
  const mailFails = roles.some((role) => role.startsWith('mail '));
  const workerFails = roles.some((role) => role === 'crash' || role === 'take over');
  const mayBeDead = (why: string | null) =>
    (mailFails && /^mail_|unknown_effect/.test(why ?? '')) || (workerFails && why === 'unknown_effect');
  const wrong = left.jobs.flatMap(({ kind, state, attempts, class: why }) => {
    // who is deleted already cannot be deactivated
    if (kind === 'deactivate-account' && why === 'not_found' && !left.hasOwner) return [];
    if (state === 'dead') return mayBeDead(why) ? [] : [`${kind} is dead: ${why}`];
    // it has another customer now, and begins anew
    if (kind === 'deactivate-account' && story.entries('linked').length > 0) return [];
    return attempts > 0 && !mailFails ? [`${kind} has used up ${attempts} attempts: ${why}`] : [];
  });
  for (const { key, state } of left.effects) if (state === 'claimed') wrong.push(`${key} stays claimed`);
  for (const { answer, subject } of scene.ledger) {
    if (answer?.['outcome'] !== 'failed') continue;
    const { class: why, code } = answer['detail'] as { class: string; code?: string };
    const isPassing = ['mark_held', 'effect_held', 'answer_too_old'].includes(why) || code === '40P01';
    if (!isPassing && !mayBeDead(why)) wrong.push(`${subject} inline failed: ${why} ${code}`);
  }
  return wrong;
}

/** What speaks for a team has its mark taken back at once; where nothing does, it goes in the end, and its owner. */
function progress(story: Story, roles: readonly string[]): string[] {
  const { left, scene } = story;
  const wrong: string[] = [];
  const { entries = 0, marks = [] } = scene.midway ?? {};
  const linked = story.entries('linked').length > 0;
  if (marks.length > 0 && !linked && story.spared(entries) !== undefined) {
    wrong.push(`it bears a mark in spite of ${story.spared(entries)}`);
  }
  for (const { what, answer, subject } of scene.ledger) {
    const isTaken = what === 'said' && answer?.['recorded'] === true && answer['tooLate'] === false;
    if (isTaken && story.commits('deleteTeam').length > 0 && !roles.includes('snooze and lift')) {
      wrong.push(`deleted, and ${subject} was said to have come in time`);
    }
  }
  const end = scene.ledger.length;
  const waitsForPeople = left.jobs.some(({ state }) => state === 'dead') || left.findings.length > 0;
  const speaks = story.spared(end) ?? story.entries('subscribed')[0];
  if (left.hasTeam && speaks === undefined && !waitsForPeople) wrong.push('spared for no reason');
  const isTied = story.entries('joined').length > 0 || story.commits('protectTeam').length > 0;
  const [deleted] = story.commits('deleteTeam');
  if (deleted !== undefined && left.hasOwner && !isTied && !waitsForPeople && !linked) {
    if (story.owner(deleted) === scene.ownerId) wrong.push('the owner was kept for no reason');
  }
  return wrong;
}
