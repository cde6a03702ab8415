-- Plan each statement of this transaction for the values it is given.
SET LOCAL plan_cache_mode = force_custom_plan
