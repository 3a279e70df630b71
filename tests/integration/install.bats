#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What make install installs, used by a program that knows nothing of this folder.
# shellcheck disable=SC2154,SC2030,SC2031 # build is set by helpers; each test is a subshell

load helpers

# Nobody installs a build with sanitizers: what links against it would need their runtime, too.
require_plain_build() {
	[[ -z ${SAN:-} ]] || skip "built with sanitizers"
}

# Installs into ./root and points pkg-config there.
install_here() {
	require_plain_build
	make -C "$ROOT" --no-print-directory -s O="$build" DESTDIR="$PWD/root" PREFIX=/usr install \
		>make.out 2>&1 3>&- || fail "make install: $(cat make.out)"
	export PKG_CONFIG_PATH=$PWD/root/usr/lib/pkgconfig
}

pc() {
	pkg-config --define-prefix "$@" ktally
}

# A program of a user: no header but the installed one, C99 or C++11.
write_program() {
	cat >"$1" <<-'END'
		#include <ktally.h>
		#include <stdio.h>

		int main(void)
		{
			struct ktally_monitor_opts opts = {};
			struct ktally_monitor *m;

			opts.sz = sizeof(opts);
			opts.bpf = KTALLY_BPF_OFF;
			if (ktally_monitor__open(&opts, &m))
				return 1;
			ktally_monitor__close(m);
			printf("%s %d\n", ktally_version(), ktally_metric_count() > 20);
			return 0;
		}
	END
}

version() {
	"$KTALLY" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1
}

@test "install: everything is where it belongs" {
	install_here
	local file
	for file in bin/ktally lib/libktally.a lib/libktally.so lib/pkgconfig/ktally.pc \
		include/ktally.h include/ktally_leaks.h include/ktally_replay.h share/ktally/ktally.v1.json share/ktally/rules/default.yaml \
		share/ktally/rules/recommended.yaml share/doc/ktally/README.md; do
		[[ -e root/usr/$file ]] || fail "$file is missing"
	done
	assert_equal "$(root/usr/bin/ktally --version)" "$("$KTALLY" --version)"
	assert_equal "$(pc --modversion)" "$(version)"
	! grep -rq "$PWD" root/usr/lib/pkgconfig || fail "ktally.pc names the staging folder"
}

@test "install: a C program links against the shared library" {
	require pkg-config
	install_here
	write_program user.c
	# shellcheck disable=SC2046 # words
	gcc -std=c99 -Wall -Werror user.c -o user $(pc --cflags --libs)
	assert_equal "$(LD_LIBRARY_PATH=root/usr/lib ./user)" "$(version) 1"
	LD_LIBRARY_PATH=root/usr/lib ldd user | grep -q 'libktally.so.0 => root/' ||
		fail "it does not use the shared library: $(LD_LIBRARY_PATH=root/usr/lib ldd user)"
}

@test "install: a C++ program links, too" {
	require pkg-config
	require g++
	install_here
	write_program user.cc
	# shellcheck disable=SC2046 # words
	g++ -std=c++11 -Wall -Wextra -Werror -Wno-missing-field-initializers user.cc -o user \
		$(pc --cflags --libs)
	assert_equal "$(LD_LIBRARY_PATH=root/usr/lib ./user)" "$(version) 1"
}

@test "install: a C program links against the static library" {
	require pkg-config
	install_here
	write_program user.c
	rm root/usr/lib/libktally.so*
	# shellcheck disable=SC2046 # words
	gcc -std=c99 user.c -o user $(pc --static --cflags --libs)
	assert_equal "$(./user)" "$(version) 1"
}

@test "install: the shared library exports ktally_ and nothing else" {
	install_here
	nm -D --defined-only root/usr/lib/libktally.so | awk '$2 != "A" { print $3 }' |
		sed 's/@.*//' | sort >exported
	assert_equal "$(grep -v '^ktally_' exported)" ""
	grep -ohE '^KTALLY_API .*|^[^ ].* ktally_[a-z_]+\(' "$ROOT"/include/*.h |
		grep -oE 'ktally_[a-z_]+\(' | tr -d '(' | sort -u >declared
	assert_equal "not exported: $(comm -13 exported declared | paste -sd ' ')" "not exported: "
	assert_equal "not declared: $(comm -23 exported declared | paste -sd ' ')" "not declared: "
}

@test "install: it can be taken away again" {
	install_here
	make -C "$ROOT" --no-print-directory -s O="$build" DESTDIR="$PWD/root" PREFIX=/usr \
		uninstall 3>&-
	assert_equal "$(find root -type f -o -type l)" ""
}

@test "install: the static program needs nothing and runs" {
	require_plain_build
	local static=$build/ktally-static
	[[ -x $static ]] || fail "$static is not there: run make static"
	assert_regex "$(readelf -d "$static")" 'no dynamic section'
	mkdir empty
	cp "$static" empty/ktally
	assert_equal "$(empty/ktally --version)" "$("$KTALLY" --version)"
	KTALLY=$PWD/empty/ktally
	record --no-bpf -p $$ -n 1
	assert_equal "$(q last_snapshot.pid)" $$
}
