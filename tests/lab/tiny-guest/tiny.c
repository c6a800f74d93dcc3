/*
 * Copyright: (c) 2026, Apiary contributors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest of a few kilobytes for bhyve: bhyveload loads it as a "kernel" (64-bit, paging on, identity and kernel mapping as
 * FreeBSD's loader leaves them), it writes to COM1 and does one thing. MODE says which; see build.sh.
 */
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long u64;

static inline void outb(u16 p, u8 v) { __asm__ volatile("outb %0,%1" ::"a"(v), "Nd"(p)); }
static inline void outw(u16 p, u16 v) { __asm__ volatile("outw %0,%1" ::"a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) { u8 v; __asm__ volatile("inb %1,%0" : "=a"(v) : "Nd"(p)); return v; }
static inline u16 inw(u16 p) { u16 v; __asm__ volatile("inw %1,%0" : "=a"(v) : "Nd"(p)); return v; }

#define COM1 0x3f8
static void put(char c) { outb(COM1, c); }
static void say(const char *s) { for (; *s; s++) { if (*s == '\n') put('\r'); put(*s); } }
static void number(u32 n)
{
	char b[12]; int i = 11;
	b[11] = 0; do { b[--i] = '0' + n % 10; n /= 10; } while (n); say(b + i);
}

enum { REBOOT = 1, POWEROFF, HALT, TRIPLE, IDLE, ACPI, KBDRESET };

/* bhyve's PM block: PM1a event at 0x400, control at 0x404; SMI command port 0xb2, value 0xa0 enables ACPI. */
#define PM1_STATUS 0x400
#define PM1_ENABLE 0x402
#define PM1_CONTROL 0x404
#define POWER_BUTTON (1 << 8)
static void acpi_enable(void) { outb(0xb2, 0xa0); }
static void soft_off(void) { outw(PM1_CONTROL, (1 << 13) | (5 << 10) | 1); }

/* One timer interrupt a second by the local APIC, so that the guest sleeps in hlt. */
struct gate { u16 lo, sel; u8 ist, type; u16 mid; u32 hi, zero; } __attribute__((packed));
struct table { u16 limit; u64 base; } __attribute__((packed));
static struct gate idt[256];
static u64 gdt[3] = { 0, 0x0020980000000000UL, 0x0000920000000000UL };
static volatile u32 ticks;
#define LAPIC ((volatile u32 *)0x3fe00000UL)
__attribute__((interrupt)) static void on_timer(void *f) { (void)f; ticks++; LAPIC[0xb0 / 4] = 0; }
__attribute__((interrupt)) static void on_other(void *f) { (void)f; }
static void set_gate(int v, void *h)
{
	u64 a = (u64)h;
	idt[v] = (struct gate){ .lo = a, .mid = a >> 16, .hi = a >> 32, .sel = 8, .type = 0x8e };
}
static void start_clock(void)
{
	struct table i = { sizeof(idt) - 1, (u64)idt }, g = { sizeof(gdt) - 1, (u64)gdt };
	u32 before; u8 s;

	__asm__ volatile("lgdt %0; mov %1,%%ds; mov %1,%%es; mov %1,%%ss" ::"m"(g), "r"(0x10));
	for (int v = 0; v < 256; v++) set_gate(v, on_other);
	set_gate(0x20, on_timer);
	((volatile u64 *)0x4000UL)[511] = 0xfee00000UL | 0x83;	/* map the APIC into the last 2 MB of the first GB */
	__asm__ volatile("invlpg (%0); lidt %1" ::"r"(0x3fe00000UL), "m"(i));
	outb(0x21, 0xff); outb(0xa1, 0xff);
	LAPIC[0xf0 / 4] = 0x1ff; LAPIC[0x80 / 4] = 0; LAPIC[0x3e0 / 4] = 0xb; LAPIC[0x320 / 4] = 0x20020;
	outb(0x70, 0); s = inb(0x71); while (inb(0x71) == s) ; s = inb(0x71);	/* how many counts is a second of the RTC? */
	LAPIC[0x380 / 4] = ~0U; before = LAPIC[0x390 / 4]; while (inb(0x71) == s) ;
	LAPIC[0x380 / 4] = before - LAPIC[0x390 / 4];
}

void tiny_main(void)
{
	outb(COM1 + 1, 0); outb(COM1 + 3, 0x83); outb(COM1, 1); outb(COM1 + 1, 0); outb(COM1 + 3, 3); outb(COM1 + 2, 0xc7); outb(COM1 + 4, 3);
	say("tiny guest: up\n");
	if (MODE == REBOOT) { say("tiny guest: reset\n"); outb(0xcf9, 6); }
	if (MODE == POWEROFF) { say("tiny guest: power off\n"); acpi_enable(); soft_off(); }
	if (MODE == HALT) say("tiny guest: halt\n");
	if (MODE == TRIPLE) { struct table none = { 0, 0 }; say("tiny guest: triple fault\n"); __asm__ volatile("lidt %0; int3" ::"m"(none)); }
	if (MODE == KBDRESET) { say("tiny guest: keyboard controller reset\n"); outb(0x64, 0xfe); }
	if (MODE == IDLE || MODE == ACPI) {
		start_clock();
		if (MODE == ACPI) { acpi_enable(); outw(PM1_ENABLE, POWER_BUTTON); say("tiny guest: ACPI enabled\n"); }
		for (u32 seen = 0;;) {
			__asm__ volatile("sti; hlt; cli");
			if (ticks != seen) { seen = ticks; say("tiny guest: tick "); number(seen); say("\n"); }
			if (MODE == ACPI && (inw(PM1_STATUS) & POWER_BUTTON)) {
				outw(PM1_STATUS, POWER_BUTTON); say("tiny guest: power button, powering off\n"); soft_off();
			}
		}
	}
	for (;;) __asm__ volatile("cli; hlt");
}
__asm__(".section .text.start,\"ax\"\n.globl _start\n_start: leaq stack_top(%rip),%rsp\n xorl %ebp,%ebp\n call tiny_main\n1: cli; hlt; jmp 1b\n"
	".bss\n.balign 16\n.skip 16384\nstack_top:\n.text\n");
