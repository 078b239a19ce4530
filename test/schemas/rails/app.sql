-- A Rails 8 app on PostgreSQL with uuid primary keys (config.generators, primary_key_type: :uuid), as `rails db:migrate`
-- leaves it: Devise with trackable and confirmable, accounts as Jumpstart makes them, and Pay 11. `deleted_at` is what
-- Devise's wiki adds to soft-delete a user.
-- heartcombo/devise: lib/generators/active_record; pay-rails/pay: db/migrate.
create table public.users (
  id uuid default gen_random_uuid() not null primary key,
  email character varying default '' not null,
  encrypted_password character varying default '' not null,
  reset_password_token character varying,
  reset_password_sent_at timestamp(6) without time zone,
  remember_created_at timestamp(6) without time zone,
  sign_in_count integer default 0 not null,
  current_sign_in_at timestamp(6) without time zone,
  last_sign_in_at timestamp(6) without time zone,
  current_sign_in_ip character varying,
  last_sign_in_ip character varying,
  confirmation_token character varying,
  confirmed_at timestamp(6) without time zone,
  confirmation_sent_at timestamp(6) without time zone,
  unconfirmed_email character varying,
  first_name character varying,
  last_name character varying,
  time_zone character varying,
  preferred_language character varying,
  admin boolean,
  deleted_at timestamp(6) without time zone,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null
);
create unique index index_users_on_email on public.users (email);
create unique index index_users_on_reset_password_token on public.users (reset_password_token);
create unique index index_users_on_confirmation_token on public.users (confirmation_token);

create table public.accounts (
  id uuid default gen_random_uuid() not null primary key,
  name character varying not null,
  owner_id uuid,
  personal boolean default false,
  extra_billing_info text,
  domain character varying,
  subdomain character varying,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null,
  constraint fk_rails_37ced7af95 foreign key (owner_id) references public.users (id)
);
create index index_accounts_on_owner_id on public.accounts (owner_id);

create table public.account_users (
  id uuid default gen_random_uuid() not null primary key,
  account_id uuid,
  user_id uuid,
  roles jsonb default '{}' not null,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null,
  constraint fk_rails_c96445f213 foreign key (account_id) references public.accounts (id),
  constraint fk_rails_685e030c15 foreign key (user_id) references public.users (id)
);
create index index_account_users_on_account_id on public.account_users (account_id);
create index index_account_users_on_user_id on public.account_users (user_id);

create table public.account_invitations (
  id uuid default gen_random_uuid() not null primary key,
  account_id uuid not null,
  invited_by_id uuid,
  token character varying not null,
  name character varying not null,
  email character varying not null,
  roles jsonb default '{}' not null,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null,
  constraint fk_rails_7a9e106543 foreign key (account_id) references public.accounts (id),
  constraint fk_rails_04a176d6ed foreign key (invited_by_id) references public.users (id)
);
create unique index index_account_invitations_on_account_id_and_email on public.account_invitations (account_id, email);
create index index_account_invitations_on_invited_by_id on public.account_invitations (invited_by_id);
create unique index index_account_invitations_on_token on public.account_invitations (token);

create table public.api_tokens (
  id uuid default gen_random_uuid() not null primary key,
  user_id uuid not null,
  token character varying,
  name character varying,
  metadata jsonb default '{}',
  transient boolean default false,
  last_used_at timestamp(6) without time zone,
  expires_at timestamp(6) without time zone,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null,
  constraint fk_rails_f16b5e0447 foreign key (user_id) references public.users (id)
);
create unique index index_api_tokens_on_token on public.api_tokens (token);
create index index_api_tokens_on_user_id on public.api_tokens (user_id);

create table public.pay_customers (
  id uuid default gen_random_uuid() not null primary key,
  owner_type character varying,
  owner_id uuid,
  processor character varying not null,
  processor_id character varying,
  "default" boolean,
  data jsonb,
  deleted_at timestamp(6) without time zone,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null,
  type character varying,
  object jsonb
);
create index pay_customer_owner_index on public.pay_customers (owner_type, owner_id, deleted_at, "default");
create unique index index_pay_customers_on_processor_and_processor_id on public.pay_customers (processor, processor_id);

create table public.pay_payment_methods (
  id uuid default gen_random_uuid() not null primary key,
  customer_id uuid not null,
  processor_id character varying not null,
  "default" boolean,
  payment_method_type character varying,
  data jsonb,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null,
  type character varying,
  constraint fk_rails_c78c6cb84d foreign key (customer_id) references public.pay_customers (id)
);
create unique index index_pay_payment_methods_on_customer_id_and_processor_id
  on public.pay_payment_methods (customer_id, processor_id);

create table public.pay_subscriptions (
  id uuid default gen_random_uuid() not null primary key,
  customer_id uuid not null,
  name character varying not null,
  processor_id character varying not null,
  processor_plan character varying not null,
  quantity integer default 1 not null,
  status character varying not null,
  current_period_start timestamp(6) without time zone,
  current_period_end timestamp(6) without time zone,
  trial_ends_at timestamp(6) without time zone,
  ends_at timestamp(6) without time zone,
  metered boolean,
  pause_behavior character varying,
  pause_starts_at timestamp(6) without time zone,
  pause_resumes_at timestamp(6) without time zone,
  application_fee_percent numeric(8, 2),
  metadata jsonb,
  data jsonb,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null,
  type character varying,
  object jsonb,
  constraint fk_rails_b7cd64d378 foreign key (customer_id) references public.pay_customers (id)
);
create unique index index_pay_subscriptions_on_customer_id_and_processor_id
  on public.pay_subscriptions (customer_id, processor_id);
create index index_pay_subscriptions_on_metered on public.pay_subscriptions (metered);
create index index_pay_subscriptions_on_pause_starts_at on public.pay_subscriptions (pause_starts_at);

create table public.pay_charges (
  id uuid default gen_random_uuid() not null primary key,
  customer_id uuid not null,
  subscription_id uuid,
  processor_id character varying not null,
  amount integer not null,
  currency character varying,
  application_fee_amount integer,
  amount_refunded integer,
  metadata jsonb,
  data jsonb,
  created_at timestamp(6) without time zone not null,
  updated_at timestamp(6) without time zone not null,
  type character varying,
  object jsonb,
  constraint fk_rails_b19d32f835 foreign key (customer_id) references public.pay_customers (id),
  constraint fk_rails_44a2c276fa foreign key (subscription_id) references public.pay_subscriptions (id)
);
create unique index index_pay_charges_on_customer_id_and_processor_id
  on public.pay_charges (customer_id, processor_id);
create index index_pay_charges_on_subscription_id on public.pay_charges (subscription_id);
