import { blankPrice, blankProduct } from './blank.ts';
import { invalid } from './errors.ts';
import { page, within } from './lists.ts';
import { endpoint, fields, flag, integer, listOf, listing, oneOf, pairs, range, required } from './params.ts';
import { text, unmodelled } from './params.ts';
import { route } from './route.ts';

const productParams = endpoint({
  active: flag,
  default_price_data: unmodelled,
  description: text,
  id: text,
  images: listOf(text),
  marketing_features: unmodelled,
  metadata: pairs,
  name: text,
  package_dimensions: unmodelled,
  shippable: flag,
  statement_descriptor: text,
  tax_code: text,
  tax_details: unmodelled,
  type: oneOf('good', 'service'),
  unit_label: text,
  url: text,
});

const priceParams = endpoint({
  active: flag,
  billing_scheme: oneOf('per_unit', 'tiered'),
  currency: text,
  currency_options: unmodelled,
  custom_unit_amount: unmodelled,
  lookup_key: text,
  metadata: pairs,
  nickname: text,
  product: text,
  product_data: fields({ id: text, metadata: pairs, name: text }),
  recurring: fields({
    interval: oneOf('day', 'month', 'week', 'year'),
    interval_count: integer,
    meter: unmodelled,
    trial_period_days: integer,
    usage_type: oneOf('licensed', 'metered'),
  }),
  tax_behavior: oneOf('exclusive', 'inclusive', 'unspecified'),
  tiers: unmodelled,
  tiers_mode: unmodelled,
  transfer_lookup_key: unmodelled,
  transform_quantity: unmodelled,
  unit_amount: integer,
  unit_amount_decimal: text,
});

export const catalogRoutes = [
  route('POST', '/v1/products', productParams, ({ store, now, livemode }, params) => {
    const { expand: _expand, id = store.nextId('prod'), metadata, name, ...plain } = params;
    if (store.products.get(id)) throw invalid('Product already exists.', 'id', 'resource_already_exists');
    const product = blankProduct({ id, created: now, livemode }, required(name, 'name'));
    return store.products.add({ ...product, ...plain, metadata: metadata ?? {} });
  }),

  route(
    'GET',
    '/v1/products',
    listing({ active: flag, created: range, ids: listOf(text), shippable: flag, type: text, url: text }),
    ({ store, livemode }, params) =>
      page(
        store.products,
        '/v1/products',
        params,
        (product) =>
          product.livemode === livemode &&
          within(product.created, params.created) &&
          (params.ids === undefined || params.ids.includes(product.id)) &&
          (params.active === undefined || product.active === params.active) &&
          (params.shippable === undefined || product.shippable === params.shippable) &&
          (params.type === undefined || product.type === params.type) &&
          (params.url === undefined || product.url === params.url),
      ),
  ),

  route('GET', '/v1/products/:id', endpoint({}), ({ store, livemode }, _params, id) =>
    store.get(store.products, id, livemode),
  ),

  route('POST', '/v1/prices', priceParams, ({ store, now, livemode }, params) => {
    const {
      expand: _expand,
      currency,
      metadata,
      product,
      product_data: inline,
      recurring,
      ...plain
    } = params;
    if (product === undefined && inline === undefined) required(product, 'product');
    const amount = plain.unit_amount ?? Number(required(plain.unit_amount_decimal, 'unit_amount'));
    if (product !== undefined) store.reference(store.products, product, livemode, 'product');
    const productId = product ?? inline?.id ?? store.nextId('prod');
    if (inline !== undefined) {
      const name = required(inline.name, 'product_data[name]');
      store.products.add(blankProduct({ id: productId, created: now, livemode }, name));
    }
    const price = blankPrice({ id: store.nextId('price', 24), created: now, livemode }, productId);
    return store.prices.add({
      ...price,
      ...plain,
      currency: required(currency, 'currency'),
      metadata: metadata ?? {},
      recurring:
        recurring === undefined || price.recurring === null ? null : { ...price.recurring, ...recurring },
      type: recurring === undefined ? 'one_time' : 'recurring',
      unit_amount: Number.isInteger(amount) ? amount : null,
      unit_amount_decimal: plain.unit_amount_decimal ?? String(amount),
    });
  }),

  route(
    'GET',
    '/v1/prices',
    listing({
      active: flag,
      created: range,
      currency: text,
      lookup_keys: listOf(text),
      product: text,
      recurring: unmodelled,
      type: oneOf('one_time', 'recurring'),
    }),
    ({ store, livemode }, params) =>
      page(
        store.prices,
        '/v1/prices',
        params,
        (price) =>
          price.livemode === livemode &&
          within(price.created, params.created) &&
          (params.active === undefined || price.active === params.active) &&
          (params.currency === undefined || price.currency === params.currency) &&
          (params.lookup_keys === undefined || params.lookup_keys.includes(price.lookup_key ?? '')) &&
          (params.product === undefined || price.product === params.product) &&
          (params.type === undefined || price.type === params.type),
      ),
  ),

  route('GET', '/v1/prices/:id', endpoint({}), ({ store, livemode }, _params, id) =>
    store.get(store.prices, id, livemode, 'price'),
  ),
];
