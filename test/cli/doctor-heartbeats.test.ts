import { expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { serviceSections } from '../../src/cli/doctor/services.ts';

const schedules = allJobs.filter((job) => job.schedule !== undefined).map((job) => job.name);

async function heartbeats(urls?: Record<string, string>) {
  const sections = await serviceSections(urls === undefined ? {} : { SCHEDULE_HEARTBEATS: urls });
  expect(JSON.stringify(sections)).not.toContain('s3cret');
  return sections.find(({ name }) => name === 'heartbeats')?.diagnoses;
}

test('[P5] doctor names the schedules without a heartbeat where others have one, and no URL', async () => {
  const [first = '', ...others] = schedules;
  expect(await heartbeats({ [first]: 'https://hc.example/s3cret' })).toEqual([
    {
      level: 'warning',
      about: 'SCHEDULE_HEARTBEATS',
      message: `has no URL for ${others.join(', ')}: nobody outside notices when they stop`,
      fix: 'add one for each, or *=https://…/{schedule} for all',
    },
  ]);
});

test('doctor says nothing of heartbeats where nobody wants them, and is content where each has its own', async () => {
  expect(await heartbeats()).toEqual([]);
  const all = Object.fromEntries(schedules.map((name) => [name, 'https://hc.example/s3cret']));
  expect(await heartbeats(all)).toMatchObject([{ level: 'ok' }]);
});
