use airlock_traces::{*, facts::Facts, trace::*, tools::trim::*}; use std::sync::Arc; use std::collections::*;
fn check(t:&Trace)->Vec<String>{ let mut live:HashMap<u32,HashSet<String>>=HashMap::new(); let mut bad=vec![]; let mut asked=HashSet::new(); let mut open:HashMap<u32,i64>=HashMap::new();
 for (i,e) in t.entries.iter().enumerate(){ match &e.what { What::Session=>{live.insert(e.session,Default::default());}
  What::Command(_)=>{ let c=e.command().unwrap().unwrap(); let f=Facts::of(&c).unwrap(); let l=live.get_mut(&e.session).expect("session");
   for n in f.needs(){ if !l.contains(&format!("{n:?}")){bad.push(format!("{i} {} needs {n:?}",c.name()))}}
   if let Some(m)=f.makes { if !l.insert(format!("{m:?}")) {bad.push(format!("{i} {} makes live {m:?}",c.name()))}}
   if let Some(d)=f.drops { l.remove(&format!("{d:?}"));}
   if let Some(r)=f.request{asked.insert((e.session,r.0));}
   if let airlock_protocol::Command::PushErrorScope(_)=c {*open.entry(e.session).or_default()+=1} 
   if let Some(airlock_protocol::Payload::Shared{start,..})=c.payload(){ if !t.pieces.contains_key(&(e.session,*start)){bad.push(format!("{i} no piece"))}}
  }
  What::Event(b)=>{ let ev=airlock_protocol::codec::decode_event(b).unwrap(); if let Some(r)=ev.request(){ if !asked.contains(&(e.session,r.0)){bad.push(format!("{i} answer without question {}",ev.name()))} if let airlock_protocol::Event::AdapterReply{result:Err(_),..}|airlock_protocol::Event::DeviceReply{result:Err(_),..}=&ev {} } }
  What::Readback(r)=>if !asked.contains(&(e.session,r.request.0)){bad.push(format!("{i} readback without question"))}
  _=>{} } } bad }
fn main(){ for p in std::env::args().skip(1){ let f=Arc::new(TraceFile::open(std::path::Path::new(&p)).unwrap()); let full=Trace::load(&f).unwrap();
 println!("{p}: {} commands {} submits full check {:?}",full.commands().count(),f.index().totals.submits,check(&full).len());
 let n=f.index().totals.submits; let mut ws=vec![Window::Submits(0,None),Window::Last(1),Window::Last(4)]; for i in 0..12{ let a=n*i/12; ws.push(Window::Submits(a,Some(a+1)));}
 for w in ws { let t0=std::time::Instant::now(); match trim(&f,w,&mut |_|{}){ Ok(t)=>{ let bad=check(&t.trace); let bytes=t.trace.write(Vec::new()).unwrap(); let again=TraceFile::from_bytes(bytes.clone()).unwrap(); let rb=t.trace.entries.iter().filter(|e|matches!(e.what,What::Readback(_))).count();
   println!("  {:?} cmds {} before {} rb {rb} bytes {} of {} {:?} {:?} idx {}", t.submits, t.trace.commands().count(), t.before, bytes.len(), f.len(), t0.elapsed(), &bad[..bad.len().min(3)], again.index().totals.commands); for x in t.from_before.iter().take(3){println!("      {} {}",x.resource,x.submits)} }
   Err(e)=>println!("  {w:?} {e}") } } } }
