DROP TABLE weir_schedules;
DROP TABLE weir_jobs;
DELETE FROM weir_sequence WHERE name = 'jobs';
