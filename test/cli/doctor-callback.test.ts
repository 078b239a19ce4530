import { beforeEach, expect, test } from 'vitest';
import { serviceSections } from '../../src/cli/doctor/services.ts';
import { callbackSecret, startCallbackApp } from '../support/callback-app.ts';

const app = await startCallbackApp();
beforeEach(() => app.clear());

async function callback(settings: { APP_CALLBACK_URL?: string; APP_CALLBACK_SECRET?: string }) {
  const sections = await serviceSections(settings);
  expect(JSON.stringify(sections)).not.toContain('s3cret');
  return sections.find(({ name }) => name === 'callback')?.diagnoses;
}
const settings = { APP_CALLBACK_URL: app.url, APP_CALLBACK_SECRET: callbackSecret };

test('doctor says nothing of the callback where there is none', async () => {
  expect(await callback({})).toEqual([]);
});

test('doctor pings the callback', async () => {
  expect(await callback(settings)).toMatchObject([{ level: 'ok', about: 'APP_CALLBACK_URL' }]);
  expect(app.asked.map(({ body }) => body)).toEqual([{ id: 'ping', type: 'ping' }]);
});

test('[P3] doctor names what is wrong with it, and that nobody is deleted', async () => {
  expect(await callback({ ...settings, APP_CALLBACK_SECRET: 'another secret' })).toEqual([
    {
      level: 'error',
      about: 'APP_CALLBACK_URL',
      message:
        "cannot be asked: the app's callback answered 401 when asked about ping: " +
        'is APP_CALLBACK_SECRET the one that the app checks with?',
      fix: 'mend the callback (docs/callback.md): while it does not answer, nobody is deleted',
    },
  ]);
});
