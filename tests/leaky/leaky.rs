// SPDX-License-Identifier: BSD-2-Clause
// leaky.c once more, in Rust and shorter: the same five places, with the same counts, and some that
// close what they open. Without crates; the declarations are those of libc's headers on Linux.
use std::fs::File;
use std::mem;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::io::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

extern "C" {
    fn dup(fd: i32) -> i32;
    fn eventfd(initial: u32, flags: i32) -> i32;
    fn close(fd: i32) -> i32;
}

const OPENS: u32 = 23;
const SOCKETS: u32 = 29;
const DUPS: u32 = 31;
const ACCEPTS: u32 = 37;
const EVENTFDS: u32 = 41;
const ROUNDS: u32 = 60;

// A call in last place would be a jump. (hint::black_box came with 1.66.)
fn not_last(fd: i32) -> i32 {
    unsafe { std::ptr::read_volatile(&fd) }
}

#[inline(never)]
fn leak_open(path: &str) -> i32 {
    let file = File::open(path).expect("open");
    file.into_raw_fd()
}

struct Resolver {
    asked: u32,
}

impl Resolver {
    #[inline(never)]
    fn leak_socket(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
        self.asked += 1;
        mem::forget(socket);
    }
}

#[inline(never)]
fn leak_dup(depth: u32) -> i32 {
    let fd = if depth > 0 { leak_dup(depth - 1) } else { unsafe { dup(2) } };
    not_last(fd)
}

#[inline(never)]
fn leak_accept(listener: &TcpListener) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).expect("connect");
    let (stream, _) = listener.accept().expect("accept");
    mem::forget(stream);
    drop(client);
}

#[inline(never)]
fn leak_eventfd() -> i32 {
    not_last(unsafe { eventfd(0, 0) })
}

#[inline(never)]
fn behave() {
    drop(File::open("/etc/passwd"));
    drop(UnixStream::pair());
    drop(UdpSocket::bind("127.0.0.1:0"));
    let file = File::open("/etc/hosts").expect("open");
    let copy = unsafe { dup(file.as_raw_fd()) };
    unsafe { close(copy) };
}

fn due(round: u32, count: u32) -> u32 {
    (round + 1) * count / ROUNDS - round * count / ROUNDS
}

fn rest() {
    thread::sleep(Duration::from_millis(25));
}

fn other_thread() {
    let mut resolver = Resolver { asked: 0 };
    for round in 0..ROUNDS {
        for _ in 0..due(round, SOCKETS) {
            resolver.leak_socket();
        }
        for _ in 0..due(round, EVENTFDS) {
            leak_eventfd();
        }
        behave();
        rest();
    }
}

fn main() {
    let thread = thread::spawn(other_thread);
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    for round in 0..ROUNDS {
        for _ in 0..due(round, OPENS) {
            leak_open("/etc/passwd");
        }
        for _ in 0..due(round, ACCEPTS) {
            leak_accept(&listener);
        }
        for _ in 0..due(round, DUPS) {
            leak_dup(7);
        }
        behave();
        rest();
    }
    thread.join().expect("join");
    println!(
        "{{\"leak_open\":{},\"leak_socket\":{},\"leak_dup\":{},\"leak_accept\":{},\"leak_eventfd\":{}}}",
        OPENS, SOCKETS, DUPS, ACCEPTS, EVENTFDS
    );
}
