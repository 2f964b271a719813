"""What shows that all was done rightly."""

from backend.privacy.retention.rules import Enforcement, Law, Rule
from backend.privacy.rules import PROOF_KEPT

__all__ = ["PROOFS"]

PROOFS = (
    Rule(
        key="consents",
        tables=("consent", "consent_hold"),
        what="which text was agreed to, and when; nothing of a face",
        what_zh="同意和撤回同意的时间与文本版本",
        since="the withdrawal",
        since_zh="撤回",
        period=PROOF_KEPT,
        why="proof that there was consent",
        laws=(Law.PIPL_PROOF, Law.LIMITATION, Law.GDPR_CONSENT),
        by=Enforcement.JOB,
    ),
    Rule(
        key="erasures",
        tables=("erasure", "erasure_step", "erasure_place", "erasure_certificate", "consent_proof"),
        what="erasures, their steps, places and certificates; that somebody who is gone had agreed; nothing of a face",
        what_zh="删除记录及各步骤",
        since="the completion",
        since_zh="完成",
        period=PROOF_KEPT,
        why="proof that data were erased",
        laws=(Law.PIPL_RECORDS, Law.LIMITATION, Law.GDPR_ACCOUNTABILITY),
        by=Enforcement.JOB,
    ),
    Rule(
        key="legal_holds",
        tables=("legal_hold",),
        what="that photographs were kept by an order, whose and until when; nothing of a face",
        what_zh="暂缓删除的记录",
        since="the destruction of what was kept",
        since_zh="暂缓删除的内容销毁",
        period=PROOF_KEPT,
        why="proof that there was an order, and that its end was kept",
        laws=(Law.PIPL_RECORDS, Law.LIMITATION, Law.GDPR_ACCOUNTABILITY),
        by=Enforcement.JOB,
    ),
    Rule(
        key="requests",
        tables=("subject_request",),
        what="people's requests about their data, and the answers; a copy of the data is made anew and never stored",
        what_zh="个人权利请求及答复",
        since="the answer",
        since_zh="答复",
        period=PROOF_KEPT,
        why="proof that requests were answered in time",
        laws=(Law.PIPL_RECORDS, Law.LIMITATION, Law.GDPR_REQUESTS),
        by=Enforcement.JOB,
    ),
    Rule(
        key="audit",
        tables=("audit_entry", "audit_head", "audit_intent", "audit_checkpoint"),
        what="who did what to what: ids only, hash-chained",
        what_zh="审计记录（仅编号）",
        since="as long as the community is operated; at least 3 years",
        since_zh="小区运营期间保存，至少三年",
        period=None,
        why="a chain from which something is taken proves nothing; without the rows they name, ids tell of nobody",
        laws=(Law.PIPL_SECURITY, Law.PIPL_RECORDS, Law.GDPR_ACCOUNTABILITY),
        by=Enforcement.KEPT,
    ),
)
