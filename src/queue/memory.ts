import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';

/**
 * What is kept beside the queues and outside of Postgres, so that a loss on one side shows by the other. Redis may
 * lose it at any time: what it does not say is not known, and never taken for an answer.
 */
export interface QueueMemory {
  /** Which life of the queues this is: another answer than before means that jobs in them may have been lost. */
  life(): Promise<string>;
  /** The highest dispatch number that was ever noted. */
  highestDispatchNo(): Promise<number | undefined>;
  noteDispatched(dispatchNo: number): Promise<void>;
}

/** Queues in the same database are lost, and restored, together with the rows: there is nothing to compare. */
export const noMemory: QueueMemory = {
  life: () => Promise.resolve('as long as the database'),
  highestDispatchNo: () => Promise.resolve(undefined),
  noteDispatched: () => Promise.resolve(),
};

/** Several dispatchers note at once, and none takes another's higher number back. */
const noteHighest = `
  local noted = tonumber(redis.call('hget', KEYS[1], 'dispatched') or '0')
  if tonumber(ARGV[1]) > noted then redis.call('hset', KEYS[1], 'dispatched', ARGV[1]) end`;

/**
 * A hash: the highest dispatch number, and a token that nobody but the watch puts back, so that the next dispatch
 * after a FLUSHALL does not hide it. The server's own run id tells a restart, which may have lost what was written last.
 *
 * @param key of this database alone
 */
export function redisMemory(redis: Redis, key: string): QueueMemory {
  return {
    async life() {
      // written in one go, so one round trip
      const [answers, server] = await Promise.all([
        redis.multi().hsetnx(key, 'life', randomUUID()).hget(key, 'life').exec(),
        // some hosts do not let it be asked: the token is there all the same
        redis.info('server').catch(() => ''),
      ]);
      const [failed, token] = answers?.[1] ?? [];
      if (failed || typeof token !== 'string')
        throw failed ?? new Error('Redis did not say which life it has');
      return `${token} ${/^run_id:(\S+)/m.exec(server)?.[1] ?? ''}`;
    },
    async highestDispatchNo() {
      const noted = await redis.hget(key, 'dispatched');
      return noted === null ? undefined : Number(noted);
    },
    async noteDispatched(dispatchNo) {
      await redis.eval(noteHighest, 1, key, dispatchNo);
    },
  };
}
