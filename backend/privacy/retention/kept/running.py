"""What running the service takes."""

from datetime import timedelta

from backend.kit.idempotency.middleware import KEPT
from backend.privacy.retention.rules import Enforcement, Law, Rule

__all__ = ["RUNNING"]

RUNNING = (
    Rule(
        key="idempotent_requests",
        tables=("idempotent_request",),
        what="requests sent with an Idempotency-Key: keyed hashes, and the answer, sealed",
        what_zh="带幂等键的请求：密钥散列及加密的应答",
        since="the request",
        since_zh="请求",
        period=KEPT,
        why="so that a request sent twice has its effect once",
        laws=(Law.PIPL_SECURITY, Law.GDPR_SECURITY),
        by=Enforcement.JOB,
    ),
    Rule(
        key="notifications",
        tables=("notification", "notification_delivery"),
        what="what people were told: kind, what it was about, by id, and when it was sent and read; no names, no text",
        what_zh="站内通知（类型、相关编号、发送和阅读时间；不含姓名和文本）",
        since="the telling",
        since_zh="发送",
        period=timedelta(days=90),
        why="to read what has happened, and not to be told twice",
        laws=(Law.PIPL_NECESSITY, Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="push_subscriptions",
        tables=("push_subscription", "notification_preference"),
        what="browsers that asked to be told, with their push services' addresses; what somebody wants to be told",
        what_zh="浏览器推送订阅及通知偏好",
        since="until taken back, the log-in's row or the account goes, or the push service calls the browser gone",
        since_zh="保存至本人关闭、退出登录、注销账户，或推送服务告知浏览器已失效",
        period=None,
        why="to tell people what they want to be told, where they want it",
        laws=(Law.PIPL_NECESSITY, Law.GDPR_STORAGE),
        by=Enforcement.KEPT,
    ),
    Rule(
        key="messages",
        tables=(),
        what="texts of messages; the single box alone writes them to a file, for its operator",
        what_zh="短信内容",
        since="never written but on the single box, whose operator deletes the file",
        since_zh="除单机部署外不保存；单机部署由运营方删除该文件",
        period=timedelta(0),
        why="nothing needs them once they are sent",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.NEVER_KEPT,
    ),
    Rule(
        key="job_log",
        tables=("jobs.pgqueuer_log",),
        what="the log of background jobs: ids only",
        what_zh="后台任务日志（仅编号）",
        since="the job",
        since_zh="任务结束",
        period=timedelta(days=7),
        why="to find out why something was late",
        laws=(Law.PIPL_SECURITY, Law.GDPR_SECURITY),
        by=Enforcement.JOB,
    ),
)
