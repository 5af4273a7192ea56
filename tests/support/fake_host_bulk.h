/* SPDX-License-Identifier: MIT
 *
 * fake_host_bulk.h - strait_series() and strait_add() of the fake host: each addend is recorded
 * like an observation. A part of fake_host.c, which alone includes it.
 */
long strait_series(struct strait_source *source, uint32_t metric,
		   const char *const labels[STRAIT_LABELS_MAX])
{
	struct strait_observation observation = { .struct_size = sizeof(observation),
						  .metric = metric,
						  .key = "none" };
	struct fake_series *series = &source->series[source->series_count];

	memcpy(observation.labels, labels, sizeof(observation.labels));
	if (complaint(source->public.plugin, &observation))
		return -EINVAL;
	if (source->series_count == FAKE_SERIES_MAX)
		return -ENOSPC;
	series->metric = metric;
	/* They outlive what fake_host_clear() forgets. */
	for (size_t i = 0; i < STRAIT_LABELS_MAX; i++)
		series->labels[i] = labels[i] ? strdup(labels[i]) : NULL;
	return source->series_count++;
}

int strait_add(struct strait_source *source, const struct strait_addend *addends, size_t count)
{
	struct fake_host *host = &source->public;
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		const struct strait_addend *addend = &addends[i];
		const struct fake_series *series = &source->series[addend->series];
		struct fake_observation copy = { .day = addend->day,
						 .status = STRAIT_FINAL,
						 .value = addend->value,
						 .at = addend->at,
						 .known_at_ms = addend->known_at_ms,
						 .count = addend->count,
						 .rows = addend->rows };

		if (addend->series >= source->series_count || addend->count == 0 ||
		    !isfinite(addend->value)) {
			record_reject(source, &(struct fake_reject){ .at = addend->at,
								     .raw = "",
								     .why = "bad addend",
								     .by_host = true });
			result = -EINVAL;
			continue;
		}
		copy.metric = series->metric;
		copy.metric_name = host->plugin->metrics[copy.metric].name;
		for (size_t j = 0; j < STRAIT_LABELS_MAX; j++)
			copy.labels[j] = keep_text(source, series->labels[j]);
		host->observations =
			grow(host->observations, host->observation_count, sizeof(copy));
		host->observations[host->observation_count++] = copy;
	}
	return result;
}
