import { invalid } from './errors.ts';
import { page, within } from './lists.ts';
import { endpoint, flag, listOf, listing, range, text } from './params.ts';
import { route } from './route.ts';

const listParams = listing({ created: range, delivery_success: flag, type: text, types: listOf(text) });

export const eventRoutes = [
  route('GET', '/v1/events', listParams, ({ store, livemode }, params) => {
    if (params.type !== undefined && params.types !== undefined) {
      throw invalid('You may only specify one of these parameters: type, types.');
    }
    if ((params.types?.length ?? 0) > 20) throw invalid('You may pass up to 20 values in `types`.', 'types');
    const wanted = params.types ?? (params.type === undefined ? undefined : [params.type]);
    return page(
      store.events,
      '/v1/events',
      params,
      (event) =>
        event.livemode === livemode &&
        within(event.created, params.created) &&
        (wanted === undefined || wanted.some((type) => covers(type, event.type))) &&
        (params.delivery_success === undefined ||
          store.events.isDelivered(event.id) === params.delivery_success),
    );
  }),

  route('GET', '/v1/events/:id', endpoint({}), ({ store, livemode }, _params, id) =>
    store.get(store.events, id, livemode),
  ),
];

/** `*` stands for any part: docs.stripe.com/api/events/list. */
function covers(wanted: string, type: string): boolean {
  if (!wanted.includes('*')) return wanted === type;
  const parts = wanted.split('*').map((part) => part.replaceAll('.', '\\.'));
  return new RegExp(`^${parts.join('.*')}$`).test(type);
}
