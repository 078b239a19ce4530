import { Redis } from 'ioredis';
import type postgres from 'postgres';

/** What is kept somewhere, as text to be searched. */
export interface Place {
  readonly where: string;
  readonly text: string;
}

/** Every row of every table of these schemas, all columns; of bytea the characters that it stands for. */
export async function tablesAsText(sql: postgres.Sql, schemas: readonly string[]): Promise<Place[]> {
  const columns = await sql`
    select format('%I.%I', n.nspname, c.relname) as name, string_agg(
      case when a.atttypid = 'bytea'::regtype then format('encode(%I, ''escape'')', a.attname)
        else format('%I::text', a.attname) end, ', ' order by a.attnum) as columns
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname = any (${schemas as string[]}) and c.relkind in ('r', 'p', 'm')
    group by n.nspname, c.relname order by 1`;
  const places: Place[] = [];
  for (const { name, columns: all } of columns) {
    const rows = await sql.unsafe(`select concat_ws(' | ', ${all}) as row from ${name}`);
    places.push(...rows.map((row) => ({ where: String(name), text: String(row['row']) })));
  }
  return places;
}

/** Every key of a Redis with its value, whatever its type. */
export async function redisAsText(url: string): Promise<Place[]> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  try {
    const places: Place[] = [];
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, 'COUNT', '1000');
      for (const key of keys)
        places.push({ where: `redis ${key}`, text: `${key} ${await valueOf(redis, key)}` });
      cursor = next;
    } while (cursor !== '0');
    return places;
  } finally {
    redis.disconnect();
  }
}

async function valueOf(redis: Redis, key: string): Promise<string> {
  const type = await redis.type(key);
  const read: Record<string, () => Promise<unknown>> = {
    string: () => redis.get(key),
    hash: () => redis.hgetall(key),
    list: () => redis.lrange(key, 0, -1),
    set: () => redis.smembers(key),
    zset: () => redis.zrange(key, '0', '-1'),
    stream: () => redis.xrange(key, '-', '+'),
    // gone since the scan
    none: () => Promise.resolve(''),
  };
  const value = read[type];
  if (!value) throw new Error(`a key of Redis of a type that nobody reads here: ${type}`);
  return JSON.stringify(await value());
}

/** Where any of these is, plainly, in hexadecimal or in Base64; with what stands around it. */
export function found(places: readonly Place[], needles: readonly string[]): string[] {
  const plain = needles.map((needle) => needle.toLowerCase());
  const encoded = needles.flatMap((needle) => [Buffer.from(needle).toString('hex'), ...inBase64(needle)]);
  return places.flatMap(({ where, text }) => {
    const lower = text.toLowerCase();
    const at = [
      ...plain.map((needle) => lower.indexOf(needle)),
      ...encoded.map((needle) => text.indexOf(needle)),
    ].find((index) => index >= 0);
    return at === undefined ? [] : [`${where}: …${text.slice(Math.max(0, at - 60), at + 60)}…`];
  });
}

/** What a text becomes there depends on where it begins; its ends, which depend on their neighbours, are left out. */
function inBase64(needle: string): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.from('x'.repeat(offset) + needle)
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(offset === 0 ? 0 : 4, Math.floor((offset + needle.length) / 3) * 4);
  });
}
