-- List what is wrong with an item that is settled by the verb p_verb: a pointer into it and a detail. No row when nothing is.
CREATE OR REPLACE FUNCTION broker.receipt_faults(p_verb text, p_item json)
RETURNS TABLE (pointer text, detail text)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN given.fields IS NULL THEN '' ELSE '/receipt' END, 'must be a receipt'
      FROM (SELECT CASE WHEN json_typeof(p_item) = 'object' THEN p_item END AS fields) given
     WHERE (coalesce(json_typeof(given.fields -> 'receipt'), json_typeof(p_item)) = 'string'
            AND coalesce(given.fields ->> 'receipt', p_item #>> '{}')
                ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[1-9][0-9]{0,8}$') IS NOT TRUE
    UNION ALL
    SELECT broker.pointer_to(field.key),
           CASE field.key WHEN 'delay_seconds' THEN 'must be 0 to 31536000, of release'
                          WHEN 'lease_seconds' THEN 'must be 1 to 86400, of extend'
                          WHEN 'reason' THEN 'must be text of 1 to 1000 characters, of reject'
                          ELSE 'is no field of a receipt' END
      FROM json_each(CASE WHEN json_typeof(p_item) = 'object' THEN p_item ELSE '{}' END) field
     WHERE field.key <> 'receipt'
       AND CASE p_verb || '.' || field.key
           WHEN 'release.delay_seconds' THEN field.value::text !~ '^[0-9]{1,8}$' OR field.value::text::integer > 31536000
           WHEN 'extend.lease_seconds'
           THEN json_typeof(field.value) <> 'null'
                AND (field.value::text !~ '^[0-9]{1,5}$' OR field.value::text::integer NOT BETWEEN 1 AND 86400)
           WHEN 'reject.reason'
           THEN json_typeof(field.value) <> 'null'
                AND (json_typeof(field.value) <> 'string' OR length(field.value #>> '{}') NOT BETWEEN 1 AND 1000)
           ELSE true END
$$;
