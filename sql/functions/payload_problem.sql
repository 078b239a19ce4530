-- What is wrong with a payload, as 'field: problem', or null. Checks the flat subset of JSON Schema that
-- src/core/payload.ts writes: type, enum, pattern, minLength, maxLength, minimum, maximum, required,
-- no additional properties, and oneOf over required fields ("give exactly one of"). A property test
-- compares its verdict with zod's.
create or replace function evenfall.payload_problem(schema jsonb, payload jsonb)
returns text language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  field text; rule jsonb; value jsonb; txt text; given int; choices text[];
begin
  if payload is null or jsonb_typeof(payload) <> 'object' then
    return 'payload: must be an object';
  end if;

  for field in select jsonb_object_keys(payload) order by 1 loop
    if not schema->'properties' ? field then
      return format('%s: is not a field of this kind', field);
    end if;
  end loop;

  for field in select jsonb_array_elements_text(coalesce(schema->'required', '[]')) loop
    if not payload ? field then
      return format('%s: is missing', field);
    end if;
  end loop;

  for field, rule in select * from jsonb_each(schema->'properties') loop
    continue when not payload ? field;
    value := payload->field;
    txt := payload->>field;

    if rule->>'type' = 'integer' then
      if jsonb_typeof(value) <> 'number' or txt::numeric % 1 <> 0 then
        return format('%s: must be an integer', field);
      end if;
      if txt::numeric < (rule->>'minimum')::numeric then
        return format('%s: must be at least %s', field, rule->>'minimum');
      end if;
      if txt::numeric > (rule->>'maximum')::numeric then
        return format('%s: must be at most %s', field, rule->>'maximum');
      end if;
    elsif jsonb_typeof(value) <> rule->>'type' then
      return format('%s: must be a %s', field, rule->>'type');
    end if;

    if rule ? 'enum' and not rule->'enum' @> value then
      return format('%s: must be one of %s', field,
        (select string_agg(v, ', ') from jsonb_array_elements_text(rule->'enum') v));
    end if;
    if char_length(txt) < (rule->>'minLength')::int then
      return format('%s: is too short', field);
    end if;
    if char_length(txt) > (rule->>'maxLength')::int then
      return format('%s: is longer than %s characters', field, rule->>'maxLength');
    end if;
    if txt !~ (rule->>'pattern') then
      return format('%s: does not look like %s', field, coalesce(rule->>'title', rule->>'pattern'));
    end if;
  end loop;

  if schema ? 'oneOf' then
    choices := array(select c->'required'->>0 from jsonb_array_elements(schema->'oneOf') c);
    select count(*) into given from unnest(choices) c where payload ? c;
    if given <> 1 then
      return format('%s: give exactly one of %s', choices[1], array_to_string(choices, ', '));
    end if;
  end if;

  return null;
end $$;
