use airlock_traces::*; use std::sync::Arc; use airlock_traces::trace::What;
fn main(){ let f=Arc::new(TraceFile::open(std::path::Path::new(&std::env::args().nth(1).unwrap())).unwrap());
 let t=Trace::load(&f).unwrap(); let mut n=0;
 for e in &t.entries { match &e.what { What::Command(_)=>{ let c=e.command().unwrap().unwrap(); let mut s=String::new(); airlock_traces::notation::write(&c,&mut s).unwrap(); println!("{n} {} {s}", e.session); n+=1;}
  What::Event(b)=>{let s=format!("{:?}",airlock_protocol::codec::decode_event(b).unwrap()); println!("   {} < {}",e.session,s.chars().take(200).collect::<String>())}
  What::Flush=>println!("   --"),
  w=>println!("   {} {w:?}",e.session)}}}
