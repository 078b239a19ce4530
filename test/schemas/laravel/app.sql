-- A Laravel 12 app on PostgreSQL as `php artisan migrate` leaves it: Jetstream with teams, Fortify's two factors,
-- Sanctum, and Cashier 16 on the team (its published migrations with `teams` and `team_id`). Users bear Cashier's columns
-- too, as in an app that billed people first. `deleted_at` is Laravel's own SoftDeletes.
-- laravel/jetstream, laravel/fortify, laravel/sanctum, laravel/cashier-stripe: database/migrations.
create table public.users (
  id bigserial primary key not null,
  name varchar(255) not null,
  email varchar(255) not null,
  email_verified_at timestamp(0) without time zone null,
  password varchar(255) not null,
  two_factor_secret text null,
  two_factor_recovery_codes text null,
  two_factor_confirmed_at timestamp(0) without time zone null,
  remember_token varchar(100) null,
  current_team_id bigint null,
  profile_photo_path varchar(2048) null,
  created_at timestamp(0) without time zone null,
  updated_at timestamp(0) without time zone null,
  stripe_id varchar(255) null,
  pm_type varchar(255) null,
  pm_last_four varchar(4) null,
  trial_ends_at timestamp(0) without time zone null,
  deleted_at timestamp(0) without time zone null
);
alter table public.users add constraint users_email_unique unique (email);
create index users_stripe_id_index on public.users (stripe_id);

create table public.password_reset_tokens (
  email varchar(255) not null primary key,
  token varchar(255) not null,
  created_at timestamp(0) without time zone null
);

create table public.sessions (
  id varchar(255) not null primary key,
  user_id bigint null,
  ip_address varchar(45) null,
  user_agent text null,
  payload text not null,
  last_activity integer not null
);
create index sessions_user_id_index on public.sessions (user_id);
create index sessions_last_activity_index on public.sessions (last_activity);

create table public.personal_access_tokens (
  id bigserial primary key not null,
  tokenable_type varchar(255) not null,
  tokenable_id bigint not null,
  name text not null,
  token varchar(64) not null,
  abilities text null,
  last_used_at timestamp(0) without time zone null,
  expires_at timestamp(0) without time zone null,
  created_at timestamp(0) without time zone null,
  updated_at timestamp(0) without time zone null
);
create index personal_access_tokens_tokenable_type_tokenable_id_index
  on public.personal_access_tokens (tokenable_type, tokenable_id);
alter table public.personal_access_tokens add constraint personal_access_tokens_token_unique unique (token);

create table public.teams (
  id bigserial primary key not null,
  user_id bigint not null,
  name varchar(255) not null,
  personal_team boolean not null,
  created_at timestamp(0) without time zone null,
  updated_at timestamp(0) without time zone null,
  stripe_id varchar(255) null,
  pm_type varchar(255) null,
  pm_last_four varchar(4) null,
  trial_ends_at timestamp(0) without time zone null
);
create index teams_user_id_index on public.teams (user_id);
create index teams_stripe_id_index on public.teams (stripe_id);

create table public.team_user (
  id bigserial primary key not null,
  team_id bigint not null,
  user_id bigint not null,
  role varchar(255) null,
  created_at timestamp(0) without time zone null,
  updated_at timestamp(0) without time zone null
);
alter table public.team_user add constraint team_user_team_id_user_id_unique unique (team_id, user_id);

create table public.team_invitations (
  id bigserial primary key not null,
  team_id bigint not null,
  email varchar(255) not null,
  role varchar(255) null,
  created_at timestamp(0) without time zone null,
  updated_at timestamp(0) without time zone null
);
alter table public.team_invitations add constraint team_invitations_team_id_foreign
  foreign key (team_id) references public.teams (id) on delete cascade;
alter table public.team_invitations add constraint team_invitations_team_id_email_unique unique (team_id, email);

create table public.subscriptions (
  id bigserial primary key not null,
  team_id bigint not null,
  type varchar(255) not null,
  stripe_id varchar(255) not null,
  stripe_status varchar(255) not null,
  stripe_price varchar(255) null,
  quantity integer null,
  trial_ends_at timestamp(0) without time zone null,
  ends_at timestamp(0) without time zone null,
  created_at timestamp(0) without time zone null,
  updated_at timestamp(0) without time zone null
);
create index subscriptions_team_id_stripe_status_index on public.subscriptions (team_id, stripe_status);
alter table public.subscriptions add constraint subscriptions_stripe_id_unique unique (stripe_id);

create table public.subscription_items (
  id bigserial primary key not null,
  subscription_id bigint not null,
  stripe_id varchar(255) not null,
  stripe_product varchar(255) not null,
  stripe_price varchar(255) not null,
  meter_id varchar(255) null,
  quantity integer null,
  meter_event_name varchar(255) null,
  created_at timestamp(0) without time zone null,
  updated_at timestamp(0) without time zone null
);
create index subscription_items_subscription_id_stripe_price_index
  on public.subscription_items (subscription_id, stripe_price);
alter table public.subscription_items add constraint subscription_items_stripe_id_unique unique (stripe_id);
