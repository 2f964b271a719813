# API and worker on Fargate, behind one load balancer. Neither keeps anything: any task may die at any moment.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

locals {
  port = 8480

  # Which of the secrets each process is given; one that is taken over reads no more than its own.
  secrets = {
    api       = ["DOORWARD_API_DATABASE_URL", "DOORWARD_KEYS_DATABASE_URL", "DOORWARD_OTP_HTTP_TOKEN"]
    worker    = ["DOORWARD_WORKER_DATABASE_URL", "DOORWARD_KEYS_DATABASE_URL", "DOORWARD_OTP_HTTP_TOKEN"]
    migration = ["DOORWARD_MIGRATION_DATABASE_URL", "DOORWARD_KEYS_DATABASE_URL"]
    restore = [
      "DOORWARD_API_DATABASE_URL", "DOORWARD_WORKER_DATABASE_URL", "DOORWARD_MIGRATION_DATABASE_URL",
      "DOORWARD_KEYS_DATABASE_URL",
    ]
  }

  # What a task runs; those that no service keeps running are started by hand, and show no numbers.
  commands = { api = "api", worker = "worker", migration = "migrate", restore = "after-restore" }
  services = toset(["api", "worker"])

  common = {
    DOORWARD_PUBLIC_URL   = var.public_url
    DOORWARD_S3_BUCKET    = var.bucket
    DOORWARD_S3_REGION    = var.region
    DOORWARD_KMS_KEY_ID   = var.master_key_arn
    DOORWARD_KMS_REGION   = var.region
    DOORWARD_OTP_SENDER   = "http"
    DOORWARD_OTP_HTTP_URL = var.otp_http_url
    DOORWARD_LOG_LEVEL    = "INFO"
    DOORWARD_METRICS_PORT = tostring(var.metrics_port)
    DOORWARD_TRACES_URL   = "http://127.0.0.1:4318"
  }

  environment = {
    api = merge(local.common, {
      DOORWARD_HOST         = "0.0.0.0"
      DOORWARD_PORT         = tostring(local.port)
      DOORWARD_API_WORKERS  = tostring(var.api.processes)
      DOORWARD_FACE_THREADS = tostring(var.api.face_threads)
      # The load balancer appends what it saw.
      DOORWARD_PROXIES = "1"
    })
    worker    = local.common
    migration = {}
    restore   = local.common
  }

  sizes = {
    api       = { cpu = var.api.cpu, memory = var.api.memory }
    worker    = { cpu = var.worker.cpu, memory = var.worker.memory }
    migration = { cpu = 256, memory = 512 }
    restore   = { cpu = 512, memory = 2048 }
  }
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_iam_role" "task" {
  for_each           = local.sizes
  name               = "${var.name}-${each.key}"
  assume_role_policy = var.trust_json
}

resource "aws_iam_role_policy" "service" {
  # After a restore objects and keys are destroyed again.
  for_each = setunion(local.services, ["restore"])
  role     = aws_iam_role.task[each.key].id
  policy   = var.policies.service
}

resource "aws_iam_role_policy" "metrics" {
  for_each = local.services
  role     = aws_iam_role.task[each.key].id
  policy   = var.policies.metrics
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = var.trust_json
}

resource "aws_iam_role_policy" "execution" {
  role   = aws_iam_role.execution.id
  policy = var.policies.execution
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "${var.managed_policy_prefix}/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_ecs_task_definition" "this" {
  for_each                 = local.sizes
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = aws_iam_role.task[each.key].arn
  execution_role_arn       = aws_iam_role.execution.arn

  container_definitions = jsonencode(concat([{
    name      = each.key
    image     = var.image
    essential = true
    command   = [local.commands[each.key]]

    readonlyRootFilesystem = true
    user                   = "10001:10001"
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }

    portMappings = each.key == "api" ? [{ containerPort = local.port, protocol = "tcp" }] : []
    environment  = [for name, value in local.environment[each.key] : { name = name, value = value }]
    secrets      = [for name in local.secrets[each.key] : { name = name, valueFrom = var.secret_arns[name] }]

    # Requests under way have 10 s to end; jobs 15 s, and are put back for another worker then.
    stopTimeout = 30
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = var.log_groups[each.key]
        "awslogs-region"        = var.region
        "awslogs-stream-prefix" = each.key
      }
    }
  }], contains(local.services, each.key) ? [local.collector[each.key]] : []))
}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "API, worker, migrations and restores"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-tasks" }
}

resource "aws_vpc_security_group_ingress_rule" "api" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "Requests from the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  from_port                    = local.port
  to_port                      = local.port
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.tasks.id
  description       = "AWS, text messages, Web Push, webhooks: https only"
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "postgres" {
  security_group_id = aws_security_group.tasks.id
  description       = "The two databases"
  cidr_ipv4         = var.vpc_cidr
  from_port         = 5432
  to_port           = 5432
  ip_protocol       = "tcp"
}

resource "aws_ecs_service" "api" {
  name                              = "api"
  cluster                           = aws_ecs_cluster.this.id
  task_definition                   = aws_ecs_task_definition.this["api"].arn
  desired_count                     = var.api.least
  launch_type                       = "FARGATE"
  health_check_grace_period_seconds = 60
  enable_execute_command            = false

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = var.task_subnet_ids
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.api.arn
    container_name   = "api"
    container_port   = local.port
  }
  lifecycle {
    ignore_changes = [desired_count]
  }
  depends_on = [aws_lb_listener.https]
}

resource "aws_ecs_service" "worker" {
  name                   = "worker"
  cluster                = aws_ecs_cluster.this.id
  task_definition        = aws_ecs_task_definition.this["worker"].arn
  desired_count          = var.worker.least
  launch_type            = "FARGATE"
  enable_execute_command = false

  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = 200
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = var.task_subnet_ids
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }
  lifecycle {
    ignore_changes = [desired_count]
  }
}
