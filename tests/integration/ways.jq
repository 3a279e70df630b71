# SPDX-License-Identifier: BSD-2-Clause
# One process per way: what each did against the totals of its exit, a line per difference.
# $work: the accounts in order; $names: the ways in the same order.

include "records";

. as $records
| header.instruments.fd.exact as $exact
| range($names | length) as $i
| $work[$i] as $w
| ($records | exit_of($w.pid).totals) as $totals
| if $totals == null then "\($names[$i]): no exit of process \($w.pid)"
  else $totals | differences(expected($w; $exact))[] | "\($names[$i]): \(.)"
  end
