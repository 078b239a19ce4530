import { expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { readPage } from './pages.ts';

test('[P5] docs/operations.md has the period of every schedule, as the code has it', () => {
  const rows = [
    ...readPage('docs/operations.md').matchAll(/^\| `([a-z-]+)` \| `([^`]*)` \| (?:1|10) \w+ \| /gm),
  ];
  const told = rows.map(([, name, pattern]) => [name, pattern]);
  const schedules = allJobs.flatMap(({ name, schedule }) => (schedule ? [[name, schedule.cron]] : []));
  expect(told).toEqual(schedules);
});
