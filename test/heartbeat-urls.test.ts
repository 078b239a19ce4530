import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { allJobs } from '../jobs/index.ts';
import { readConfig } from '../src/config.ts';

const schedules = allJobs.filter((job) => job.schedule !== undefined).map((job) => job.name);
const env = { DATABASE_URL: 'postgres://localhost/app' };
const read = (text: string) => readConfig('database', { SCHEDULE_HEARTBEATS: text }, env).SCHEDULE_HEARTBEATS;

/** Everything that the refusal says, its cause and whatever else hangs on it included. */
function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('s3cret');
    return (error as Error).message.split('\n').slice(1).join('\n');
  }
  throw new Error('it was not refused');
}

describe('[P5] SCHEDULE_HEARTBEATS', () => {
  test('a schedule has its URL, as it was given; what is not named has none', () => {
    expect(read('')).toBeUndefined();
    expect(
      read(
        ' backfill-stripe=https://hc-ping.example/s3cret , trial-ending-email=http://cronitor.example/p?state=complete',
      ),
    ).toEqual({
      'backfill-stripe': 'https://hc-ping.example/s3cret',
      'trial-ending-email': 'http://cronitor.example/p?state=complete',
    });
  });

  test('* is for all that are not named themselves, each with its own name in the URL', () => {
    const urls = read(
      'backfill-stripe=https://own.example/x,*=https://hc.example/key/{schedule}?a={schedule}',
    );
    expect(Object.keys(urls ?? {})).toEqual(schedules);
    expect(urls).toMatchObject({
      'backfill-stripe': 'https://own.example/x',
      'delete-inactive-team': 'https://hc.example/key/delete-inactive-team?a=delete-inactive-team',
    });
  });

  test('unknown schedules and wrong URLs are named at once, and nothing of a URL is', () => {
    expect(
      refusal(
        [
          'no-such-kind=https://hc.example/s3cret',
          'cancel-subscription=https://hc.example/s3cret',
          'trial-ending-email=ftp://hc.example/s3cret',
          'https://hc.example/s3cret?a=https://s3cret.example',
          'a-part-of-s3cret=1',
          'backfill-stripe=https://[s3cret',
          'delete-inactive-team=https://ann:s3cret@hc.example/',
          '*=https://hc.example/s3cret',
        ].join(','),
      ),
    ).toBe(
      `  SCHEDULE_HEARTBEATS: ${[
        'no-such-kind is no schedule',
        'cancel-subscription is no schedule',
        'entry 3 is not of the form schedule=https://…, with %2C for a comma in it',
        'entry 4 is not of the form schedule=https://…, with %2C for a comma in it',
        'entry 5 is not of the form schedule=https://…, with %2C for a comma in it',
        'what backfill-stripe has is no URL',
        'the URL of delete-inactive-team has a log-in, which is not sent',
        'the URL of * lacks {schedule}: with one monitor for all, one that stops goes unnoticed',
        `schedules are ${schedules.join(', ')}`,
      ].join('; ')}`,
    );
  });

  test('one that is there twice is refused, not overwritten', () => {
    expect(refusal('backfill-stripe=https://a.example/s3cret,backfill-stripe=https://b.example/s3cret')).toBe(
      '  SCHEDULE_HEARTBEATS: backfill-stripe is there twice',
    );
  });

  test('it is named beside what else is wrong', () => {
    const wrong = { SCHEDULE_HEARTBEATS: 'x', LOG_LEVEL: 'loud' };
    expect(() => readConfig('database', wrong, env)).toThrow(/SCHEDULE_HEARTBEATS: .*\n {2}LOG_LEVEL: /);
  });
});
