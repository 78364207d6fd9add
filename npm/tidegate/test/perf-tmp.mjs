// CPU of native call vs node:http alone, interleaved; upstream is another process (mock-upstream)
import http from "node:http";
import { spawn } from "node:child_process";
import { Gateway } from "tidegate";
const bin = "/work/main/target/debug/mock-upstream";
const child = spawn(process.execPath, ["-e", `
const http=require("http"); const reply=JSON.stringify({id:"chatcmpl-1",object:"chat.completion",created:1,model:"m",choices:[{index:0,message:{role:"assistant",content:"x".repeat(900)},finish_reason:"stop"}],usage:{prompt_tokens:10,completion_tokens:5,total_tokens:15}});
const s=http.createServer((q,r)=>{q.on("data",()=>{});q.on("end",()=>{r.writeHead(200,{"content-type":"application/json","content-length":Buffer.byteLength(reply)});r.end(reply)})});s.keepAliveTimeout=60000;s.listen(0,"127.0.0.1",()=>console.log(s.address().port));`],{stdio:["ignore","pipe","inherit"]});
const port = Number(await new Promise(r=>child.stdout.once("data",d=>r(String(d).trim()))));
const gw = await Gateway.open({providers:{up:{dialect:"openai",base_url:`http://127.0.0.1:${port}/v1`,api_key:"k",prices:{"*":{input:1,output:2}}}},models:{fast:{targets:["up/m"],fallbacks:["up/n"]}}});
const body = {model:"fast",messages:[{role:"user",content:"hello ".repeat(140)}]};
const agent = new http.Agent({keepAlive:true,maxSockets:64});
const bare = () => new Promise((resolve,reject)=>{ const text=JSON.stringify(body); const q=http.request({host:"127.0.0.1",port,path:"/v1/chat/completions",method:"POST",agent,headers:{"content-type":"application/json","content-length":Buffer.byteLength(text),authorization:"Bearer k"}},r=>{const chunks=[];r.on("data",c=>chunks.push(c));r.on("end",()=>resolve(JSON.parse(Buffer.concat(chunks).toString())))});q.on("error",reject);q.end(text)});
const native = () => gw.chat.completions.create(body);
const viaFetch = async () => (await gw.fetch("/v1/chat/completions",{method:"POST",headers:{"content-type":"application/json"},body:JSON.stringify(body)})).json();
const plainFetch = async () => (await fetch(`http://127.0.0.1:${port}/v1/chat/completions`,{method:"POST",headers:{"content-type":"application/json"},body:JSON.stringify(body)})).json();
const run = async (f,conc,total) => { const t=process.cpuUsage(), w=performance.now(); await Promise.all(Array.from({length:conc},async()=>{for(let i=0;i<total/conc;i++) await f()})); const u=process.cpuUsage(t); return [(u.user+u.system)/total,(performance.now()-w)*1000/total]; };
const fs={bare,native};
for (const f of Object.values(fs)) await run(f,8,2000);
for (const conc of [1,64]) { const res={}; for (let round=0;round<5;round++) for (const [n,f] of Object.entries(fs)) (res[n]??=[]).push(await run(f,conc,2000));
 const med=a=>a.sort((x,y)=>x-y)[a.length>>1]; for (const n in res) console.log("conc",conc,n.padEnd(10),"cpu",med(res[n].map(x=>x[0])).toFixed(1),"wall",med(res[n].map(x=>x[1])).toFixed(1), "ratio", (med(res[n].map(x=>x[0]))/med(res.bare.map(x=>x[0]))).toFixed(2)); }
child.kill(); process.exit(0);
