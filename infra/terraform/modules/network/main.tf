# Three floors: load balancers face the world, tasks reach out through one address, databases reach nothing.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# Whatever is made without a group of its own gets this one, which lets nothing through.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-closed" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "public" {
  for_each          = { for index, zone in var.zones : zone => index }
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 8, each.value)
  tags              = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "tasks" {
  for_each          = { for index, zone in var.zones : zone => index }
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, 1 + each.value)
  tags              = { Name = "${var.name}-tasks-${each.key}" }
}

resource "aws_subnet" "databases" {
  for_each          = { for index, zone in var.zones : zone => index }
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 8, 200 + each.value)
  tags              = { Name = "${var.name}-databases-${each.key}" }
}

resource "aws_eip" "nat" {
  for_each = toset(var.nat_per_zone ? var.zones : [var.zones[0]])
  domain   = "vpc"
  tags     = { Name = "${var.name}-nat-${each.key}" }
}

# Text messages, Web Push and companies' webhooks go out here. Providers may ask for these addresses.
resource "aws_nat_gateway" "this" {
  for_each      = aws_eip.nat
  allocation_id = each.value.id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = { Name = "${var.name}-${each.key}" }
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "tasks" {
  for_each = aws_subnet.tasks
  vpc_id   = aws_vpc.this.id
  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = try(aws_nat_gateway.this[each.key], aws_nat_gateway.this[var.zones[0]]).id
  }
  tags = { Name = "${var.name}-tasks-${each.key}" }
}

resource "aws_route_table_association" "tasks" {
  for_each       = aws_subnet.tasks
  subnet_id      = each.value.id
  route_table_id = aws_route_table.tasks[each.key].id
}

# No route but the network's own.
resource "aws_route_table" "databases" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-databases" }
}

resource "aws_route_table_association" "databases" {
  for_each       = aws_subnet.databases
  subnet_id      = each.value.id
  route_table_id = aws_route_table.databases.id
}

# Photographs and wrapped keys do not leave the network, and cost nothing at the NAT gateway.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = var.endpoints.s3
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.tasks : table.id]
  tags              = { Name = "${var.name}-s3" }
}

resource "aws_vpc_endpoint" "kms" {
  vpc_id              = aws_vpc.this.id
  service_name        = var.endpoints.kms
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [for subnet in aws_subnet.tasks : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  tags                = { Name = "${var.name}-kms" }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Tasks to AWS' own services inside the network"
  vpc_id      = aws_vpc.this.id
  ingress {
    description = "HTTPS from the tasks' subnets"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = [for subnet in aws_subnet.tasks : subnet.cidr_block]
  }
  tags = { Name = "${var.name}-endpoints" }
}

# Who connected to whom, without contents: for finding out what happened, kept as long as access logs.
resource "aws_flow_log" "this" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "REJECT"
  log_destination          = aws_cloudwatch_log_group.flow.arn
  iam_role_arn             = aws_iam_role.flow.arn
  max_aggregation_interval = 600
}

resource "aws_cloudwatch_log_group" "flow" {
  #checkov:skip=CKV_AWS_338:addresses of residents' phones are personal data: 30 days, not a year
  name              = "/${var.name}/flow"
  retention_in_days = var.log_days
  kms_key_id        = var.logs_key_arn
}

resource "aws_iam_role" "flow" {
  name               = "${var.name}-flow"
  assume_role_policy = var.trust_json
}

resource "aws_iam_role_policy" "flow" {
  role = aws_iam_role.flow.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        Resource = ["${aws_cloudwatch_log_group.flow.arn}:*"]
      },
      {
        # The service looks for the group before it writes, and is refused all of it without.
        Effect   = "Allow"
        Action   = ["logs:DescribeLogGroups"]
        Resource = ["*"]
      },
    ]
  })
}
