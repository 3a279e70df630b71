// SPDX-License-Identifier: BSD-2-Clause
/*
 * inactive -> pending -> firing -> resolved, of one rule and one process. What is unknown changes
 * nothing: it neither starts an alert, nor lets a pending one fire, nor resolves one.
 */
#include "rules/rule.h"

/* Ticks are never quite on time. One that comes early by less than a twentieth of the interval, or
 * of the time asked for where that is shorter, has waited long enough. */
#define SLACK 20

static bool has_waited(uint64_t since_ns, uint64_t want_ns, const struct snapshot *s)
{
	double interval_ns = s->interval_seconds * 1e9;
	double slack_ns = (interval_ns < (double)want_ns ? interval_ns : (double)want_ns) / SLACK;

	return (double)(s->monotonic_ns - since_ns) + (slack_ns > 0 ? slack_ns : 0) >=
	       (double)want_ns;
}

static bool step_true(const struct rule *rule, struct alert_slot *slot, double value,
		      const struct snapshot *s)
{
	slot->value = value;
	slot->quiet_ns = 0;
	if (slot->state == ALERT_FIRING)
		return false;
	if (slot->state == ALERT_INACTIVE) {
		slot->since_ns = s->monotonic_ns;
		slot->started_at = s->timestamp;
		slot->state = rule->for_ns ? ALERT_PENDING : ALERT_FIRING;
		return true;
	}
	if (!has_waited(slot->since_ns, rule->for_ns, s))
		return false;
	slot->state = ALERT_FIRING;
	return true;
}

/* A pending alert resolves too, so that every record of a pending one is followed by another. */
static bool step_false(const struct rule *rule, struct alert_slot *slot, const struct snapshot *s)
{
	if (slot->state == ALERT_INACTIVE)
		return false;
	if (slot->state == ALERT_FIRING && rule->keep_firing_ns) {
		if (!slot->quiet_ns)
			slot->quiet_ns = s->monotonic_ns;
		if (!has_waited(slot->quiet_ns, rule->keep_firing_ns, s))
			return false;
	}
	slot->quiet_ns = 0;
	slot->state = ALERT_INACTIVE;
	return true;
}

bool state_step(const struct rule *rule, struct alert_slot *slot, struct value verdict,
		const struct snapshot *s, enum alert_state *ret)
{
	bool changed = false;

	if (verdict.is == VALUE_PRESENT)
		changed = step_true(rule, slot, verdict.v, s);
	else if (verdict.is == VALUE_ABSENT)
		changed = step_false(rule, slot, s);
	if (changed)
		*ret = slot->state == ALERT_INACTIVE ? ALERT_RESOLVED : slot->state;
	return changed;
}
