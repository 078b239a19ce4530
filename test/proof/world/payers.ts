import type { Customer } from '../oracle/index.ts';
import type { Making } from './making.ts';
import { addCustomer, addTeam, addUser } from './making.ts';

const links = ['column', 'column of two', 'metadata', 'column and metadata', 'metadata of nobody'] as const;

/** A customer with a team that is written to about it, with several, or with none. */
export function addPayer(making: Making, changes: Partial<Customer> = {}): Customer {
  const { dice } = making;
  const customer = addCustomer(making, changes);
  const team = (stripeCustomerId: string | null) =>
    addTeam(making, { ownerId: addUser(making).id, stripeCustomerId }).id;
  switch (dice.mostly(undefined, links)) {
    case undefined:
      break;
    case 'column':
      team(customer.id);
      break;
    case 'column of two':
      team(customer.id);
      team(customer.id);
      break;
    case 'metadata':
      customer.teamId = team(null);
      break;
    case 'column and metadata':
      team(customer.id);
      customer.teamId = team(null);
      break;
    case 'metadata of nobody':
      customer.teamId = dice.pick(['nobody', '99999999999999999999', '-1']);
      break;
  }
  return customer;
}
