# SPDX-License-Identifier: BSD-2-Clause
# Words for a stream that was slurped into an array: what the tests ask of it.

def records($type): .[] | select(.type == $type);
def header: map(select(.type == "header")) | first;
def trailer: map(select(.type == "trailer")) | last;
def snapshots($target): map(select(.type == "snapshot" and (.member | not) and .target == $target));
def snapshots: snapshots(0);
def last_snapshot: snapshots | last;
def members: map(select(.type == "snapshot" and .member));
def members($pid): members | map(select(.pid == $pid));
def events($event): map(select(.type == "event" and .event == $event));
def exit_of($pid): events("process_exit") | map(select(.pid == $pid)) | last;
def alerts($name): map(select(.type == "alert" and .alert == $name));

def cumulative: [
  "context_switches", "context_switches_voluntary", "context_switches_involuntary",
  "cpu_user_seconds", "cpu_system_seconds", "fd_opens", "fd_closes", "fd_open_errors"];

# Every step back of a number that only grows, one string each.
def steps_back:
  snapshots as $s
  | [range(1; $s | length) as $i | cumulative[] as $key
     | select($s[$i][$key] != null and $s[$i - 1][$key] != null and $s[$i][$key] < $s[$i - 1][$key])
     | "snapshot \($i): \($key) from \($s[$i - 1][$key]) to \($s[$i][$key])"];

# What fdways did ($work) as a rung counts it that is exact or sees system calls only.
def expected($work; $exact): {
  fd_opens: ($work.opens + (if $exact then $work.unseen_opens else 0 end)),
  fd_closes: ($work.closes + (if $exact then $work.unseen_closes else 0 end)),
  fd_open_errors: $work.open_errors,
  fd_unattributed: (if $exact then 0 else $work.unseen_opens - $work.unseen_closes end)};

# Keys of $want that .counted has differently.
def differences($want):
  . as $counted
  | [$want | to_entries[] | select(.value != $counted[.key])
     | "\(.key) is \($counted[.key]), not \(.value)"];
