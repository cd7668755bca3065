;; Whether the bytes from $at to $end of the memory are UTF-8: sixty-four a step where they are ASCII, sixteen otherwise. They begin with a character, end in at least one zero,
;; and are a multiple of sixty-four.
;;
;; The way is that of Keiser and Lemire ("Validating UTF-8 In Less Than One Instruction Per Byte", 2020). What may be wrong with two bytes that follow each other is told by three
;; of their nibbles, each by a table: what all three name is wrong. The bits: 01 too short, 02 too long, 04 overlong of three, 08 above U+10FFFF, 10 a surrogate, 20 overlong of two,
;; 40 overlong of four, or above U+10FFFF from F5 on, 80 two continuations. The last is right where a third or fourth byte is due, and wrong elsewhere.
;;
;; lib/bytes/utf8-module.ts has it as bytes; spec/bytes/utf8-simd.spec.ts assembles it and compares.
(module
  (memory (export "memory") 2)
  (data (i32.const 0)
    "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ef\df\bf"
    "\02\02\02\02\02\02\02\02\80\80\80\80\21\01\15\49"
    "\e7\a3\83\83\8b\cb\cb\cb\cb\cb\cb\cb\cb\db\cb\cb"
    "\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f"
    "\01\01\01\01\01\01\01\01\e6\ae\ba\ba\01\01\01\01"
    "\60\60\60\60\60\60\60\60\60\60\60\60\60\60\60\60"
    "\70\70\70\70\70\70\70\70\70\70\70\70\70\70\70\70"
    "\80\80\80\80\80\80\80\80\80\80\80\80\80\80\80\80")
  (func (export "isUtf8") (param $at i32) (param $end i32) (result i32)
    (local $stop i32) (local $bytes v128) (local $before v128) (local $previous v128) (local $wrong v128)
    (block $done
      (loop $step
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (if
          (i32.eqz
            (i8x16.bitmask
              (v128.or
                (v128.or (v128.load (local.get $at)) (v128.load offset=16 (local.get $at)))
                (v128.or (v128.load offset=32 (local.get $at)) (v128.load offset=48 (local.get $at))))))
          (then
            ;; No character may be left open before ASCII: by one of the last three bytes that asks for more than follow.
            (local.set $wrong
              (v128.or
                (local.get $wrong)
                (i8x16.sub_sat_u
                  (local.get $before)
                  (v128.load (i32.const 0)))))
            (local.set $before (v128.load offset=48 (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (br $step)))
        (local.set $stop (i32.add (local.get $at) (i32.const 64)))
        (loop $part
          (local.set $bytes (v128.load (local.get $at)))
          ;; Each byte's place has the byte before it.
          (local.set $previous
            (i8x16.shuffle 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 (local.get $before) (local.get $bytes)))
          (local.set $wrong
            (v128.or
              (local.get $wrong)
              (v128.xor
                (v128.and
                  (v128.and
                    (i8x16.swizzle
                      (v128.load offset=16 (i32.const 0))
                      (i8x16.shr_u (local.get $previous) (i32.const 4)))
                    (i8x16.swizzle
                      (v128.load offset=32 (i32.const 0))
                      (v128.and (local.get $previous) (v128.load offset=48 (i32.const 0)))))
                  (i8x16.swizzle
                    (v128.load offset=64 (i32.const 0))
                    (i8x16.shr_u (local.get $bytes) (i32.const 4))))
                ;; Where the byte two before begins a character of three or four, or that three before one of four, a continuation is due.
                (v128.and
                  (v128.or
                    (i8x16.sub_sat_u
                      (i8x16.shuffle 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 (local.get $before) (local.get $bytes))
                      (v128.load offset=80 (i32.const 0)))
                    (i8x16.sub_sat_u
                      (i8x16.shuffle 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 (local.get $before) (local.get $bytes))
                      (v128.load offset=96 (i32.const 0))))
                  (v128.load offset=112 (i32.const 0))))))
          (local.set $before (local.get $bytes))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br_if $part (i32.lt_u (local.get $at) (local.get $stop))))
        (br $step)))
    (i32.eqz (v128.any_true (local.get $wrong)))))
